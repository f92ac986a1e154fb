"""A network's memory and Programs on a device, and the running of them."""
