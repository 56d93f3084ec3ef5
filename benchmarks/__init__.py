"""What ``make bench`` measures: each time beside a plain implementation and beside the floor of this machine."""
