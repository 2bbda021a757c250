"""Outputs of hearings and alerts, each type an entry of ``outputs`` in a rules file.

base, settings      what every output is: protocol, surroundings, frozen settings with metadata
worker, trouble     its delivery thread: bounded queue, retries with backoff, counted losses
controls            what outputs may change: rules off and on, marks, prompts, orientation
registry, group     all types by name; several outputs as one
templates           text with fields of an alert

jsonl               JSON lines
rotating            a file that is rotated by size and day
mqtt                alerts and states on an MQTT broker; with mqtt_connection and home_assistant
webhook, exec       an HTTP request, a program of your own
osc, prometheus     messages for mixers, figures for monitoring
foxglove            MCAP files and the live view of Foxglove
ros2                topics for robots without ROS; with ros2_messages and ros2_zenoh
"""
