"""Delivery of records to a server, without delaying the training."""
