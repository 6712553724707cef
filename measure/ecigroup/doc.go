// Package ecigroup starts container groups on Alibaba Cloud ECI, again and again,
// without a cache and with caches of each kind, and times every start by its stages.
//
// The model: an Experiment is apps × arms × repeats. What its arms need is made first,
// and timed too: an automatic cache by one start, manual caches as they are, with
// Flash, and with the layers of others reused. Then rounds of all arms are started, in
// an order from the seed, some at once. A start is followed until it is ready, its
// times are read from the service's own timestamps (eci §3.3), which have a resolution
// of one second, and it is deleted. What its events say of the cache that it was
// started from is held against what its arm is to start from: where they contradict
// each other the run is void and made again. The result is a simulate.Timeline, as of
// any runner of package measure.
//
// It is not a measure.Runner: that protocol makes one run at a time on a host whose
// noise it notes, and here are many at once on hosts that nobody sees, and each costs
// money. Words, rounds, voids and what a resumed experiment must agree on are those of
// measure.
//
// Nothing is left behind: the client token of what is about to be made is in a journal
// on the disk before the service is asked, and its run is in a tag. Run removes all
// that it made however it ends; after a kill or a lost machine CleanUp finds the rest.
// What Run spends is estimated before each step, and held under a limit.
//
// It does not know what images hold, reads no logs of containers, and cannot tell the
// attaching of a cache's disk from the making of the instance, nor the fetch of an
// image from its unpacking.
//
// Source of the rules: Alibaba Cloud's ECI documentation as collected in the project's
// fact sheet, cited as "eci §".
//
// Steps of use: an Experiment, its Estimate to show, then Run; and CleanUp.
package ecigroup
