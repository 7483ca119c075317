"""CPG's interface: counted joins, patterns, callbacks, snapshots, pools of N."""
