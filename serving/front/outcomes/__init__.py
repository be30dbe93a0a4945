"""Outcomes: diagnoses that come back with the receipts of answers, each counted once."""
