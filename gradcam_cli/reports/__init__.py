"""What people and scripts read: terminal tables and JSON."""
