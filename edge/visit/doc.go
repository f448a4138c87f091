// Package visit lets those who look after a survey look at this device from afar, when a grant allows it: it asks the service for grants, checks
// them, opens a tunnel to the service and answers SSH inside of it.
//
// Guarantees: nothing is opened without a grant that is signed by the survey, for this device, good now, and was never used here; each opens
// one tunnel. Only the key of the grant comes in, to a fixed list of commands; no file and no port can be reached. A command that does more than look is done by a grant that names it. A command, and each line that is said to it, is
// done after the service has written it down. The tunnel ends when the grant expires, when the device may measure no more (its consent or lease has ended), when the household ends it, or with Run. Who was here, why, and
// what was done is kept for the household.
//
// Run is called once; everything else may be called at the same time. app and edge import it.
package visit
