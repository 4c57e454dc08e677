"""`inbox doctor`: what it checks, and what it advises."""
