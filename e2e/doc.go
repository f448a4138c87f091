// Package e2e tests the program as people run it: the real binary, its own
// process, HTTP from outside. It has tests only.
//
// A scenario is written once, as a function of the kind of deployment, and run
// in all of them as subtests, by everywhere:
//
//	func TestKill(t *testing.T) { everywhere(t, testKill) }
//
//	func testKill(t *testing.T, kind string) {
//		d := deploy(t, kind, "WATTWERK_HISTORY_FLUSH_EVERY=1s")
//		defer d.says()
//		d.face().call("PUT", "/api/v1/groups/hall", `{"id":"hall"}`, nil)
//		…
//	}
//
// The kind inprocess is one process with everything. The kind processes has
// every module in a process of its own, those that may be several in two; the
// bus is embedded in that of the registry, or what options.bus names.
//
// Ask at face and other: two gateways where there are two. Take away with any
// (a part at random), called (by name) or parts, by kill or stop of its
// process; bring back with start, and wait for all with ready. A face asked
// for again is the process that runs then, so do not keep it across a kill. A
// scenario must not ask which kind it runs in; what can be tested in one kind
// only has a test of its own.
package e2e
