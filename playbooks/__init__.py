"""Response: CACAO 2.0 playbooks, checked when they are read and run one recorded step at a time."""
