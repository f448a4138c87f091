// Package summing measures aggregation alone, in memory: how many records a second one
// core takes, and whether sums of nested groups are right, to the bit, while readings
// come as they are made or afterwards as fast as they go, and while sensors are moved
// from group to group and a second hierarchy begins. What a group should have is
// counted from the model that is in force at the tick, by another way than the engine's.
//
// Only app imports it.
package summing
