"""Files of models and checkpoints in the safetensors format, read strictly."""

from typing import TYPE_CHECKING

from loom_py.lazy import lazily

if TYPE_CHECKING:
    from loom_py.store.models import ModelFile as ModelFile
    from loom_py.store.models import StoredModel as StoredModel
    from loom_py.store.models import check_model_id as check_model_id
    from loom_py.store.models import pack_models as pack_models
    from loom_py.store.safetensors import TensorFile as TensorFile
    from loom_py.store.safetensors import pack_tensors as pack_tensors
    from loom_py.store.source import FileSource as FileSource
    from loom_py.store.source import read_source as read_source
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "models": "ModelFile StoredModel check_model_id pack_models",
            "safetensors": "TensorFile pack_tensors",
            "source": "FileSource read_source",
        },
    )
