"""What the port is asked to record, one stage a file: `record(recorder, request)` gives arrays and notes."""
