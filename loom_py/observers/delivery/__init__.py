"""Delivery of records to a server without keeping the training waiting."""
