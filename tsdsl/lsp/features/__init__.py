"""Editor features, one module each: functions of a snapshot and a position."""
