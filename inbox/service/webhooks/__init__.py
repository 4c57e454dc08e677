"""Telling a backend what happened: the relay of events, their words, the sending, the failed ones."""
