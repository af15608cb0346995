"""Streams whose records are no records of Precoro: approvals, and values of suppliers."""
