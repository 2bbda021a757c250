"""False alarms and misses of a bundle, in hours of background that no calibration heard."""
