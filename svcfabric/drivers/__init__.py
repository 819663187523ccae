"""Drivers: what turns specs into reality. Independent of each other, save for the host kit."""
