"""Items in, outcomes out; nothing here prints."""
