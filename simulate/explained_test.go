package simulate

// explained is what the tables of docs/model.md say of a parameter besides its
// defaults. The recipes that measure names are sections of the document.
type explained struct{ key, meaning, measure string }

const (
	byRequest = "[a request](#a-request)"
	byLink    = "[links](#links)"
	byTrace   = "[a registry's log](#a-registrys-log)"
	byUnpack  = "[layers unpacked](#layers-unpacked)"
	byStart   = "[a start](#a-start)"
	byBurst   = "[a burst](#a-burst)"
	byCache   = "[a cache on ECI](#a-cache-on-eci)"
	bySetting = "read it from the client's configuration ([settings](#settings))"
	onDisk    = "read it from the machine or its order"
)

func explanations() []explained {
	return []explained{
		{"network.roundTripSeconds", "from a request's sending to the registry's receiving and back", byRequest + ": `connect` less `name`"},
		{"network.requestSeconds", "the registry's own time to the first byte of an answer", byRequest + ": `first byte` less `connected` less a round trip"},
		{"network.registryBytesPerSecond", "the registry's egress, shared by all nodes", byLink + ": the sum over so many nodes that it grows no more"},
		{"network.uplinkBytesPerSecond", "a NAT gateway or EIP, shared by all nodes", byLink + ": the same; or the bandwidth that was bought"},
		{"network.nodeBytesPerSecond", "one node's interface", byLink + ": the sum of eight connections on one node"},
		{"network.connectionBytesPerSecond", "the most that one transfer gets; drawn for each layer of a start", byLink + ": one connection, where eight together are faster"},
		{"network.goodputFraction", "the share of a link's rate that is layers' bytes, where rates are stated with headers: applies to all links, not to the cap of a transfer", byLink + ": the sum over the nominal rate; at most 0.956 for TCP in Ethernet frames (1,448 of 1,514 bytes)"},
		{"network.registryRequestsPerSecond", "how many requests a second the registry begins to answer, of all nodes together", byBurst + ": requests a second in the registry's log at which 429 or a queue begins; or the registry's documentation"},
		{"network.overRate", "what happens to requests beyond that: they wait in line, or are refused (429)", byTrace + ": are there answers of 429?"},
		{"network.registryBurst", "how many requests at once are not refused though they are beyond the rate", byBurst + ": requests answered before the first 429"},
		{"network.errorFraction", "the share of requests that is answered with an error of the server (5xx), each independently", byTrace + ": answers of 500 and above, divided by all"},
		{"network.connectRoundTrips", "round trips to open a connection: 1 for TCP, 1 more for TLS 1.3, 2 more for TLS 1.2", byRequest + ": `connected` less `name`, divided by a round trip"},
		{"network.tokenRequests", "requests for access that come before the manifest, each with its answer awaited", byTrace + ": answers of 401 and requests to the token server, for one pull"},
		{"network.blobRequests", "requests a layer takes before its bytes flow", byRequest + " for a blob: redirects plus 1"},

		{"pull.maxConcurrentDownloads", "how many layers are under way at once", bySetting},
		{"pull.downloadScope", "whether that bound is for each image being pulled or for the node's daemon as a whole", "by the client's version (sources below)"},
		{"pull.requestOrder", "the order in which layers are asked for: `manifest` is base first; `race` is mostly the last layer first, then the order of the manifest with some layers, drawn for each pull, sooner or later", byTrace + ": the order of the GETs of blobs in ten pulls of an image of ten layers, with the limit set to 1"},
		{"pull.maxParallelImages", "how many images of one start are pulled at once", byStart + ": do the pulls of a pod's images overlap?"},
		{"pull.maxParallelPulls", "how many images a node pulls at once, for whatever starts", bySetting},
		{"pull.keepBlobs", "whether compressed layers stay on the disk once they are unpacked: a layer above another parent is then unpacked again but not fetched", bySetting},
		{"pull.resolveRequests", "requests before the first layer, one after another: whether the reference exists, manifest, config. An image behind an index takes one more", byTrace + ": requests before the first blob of a layer, without those for tokens"},
		{"pull.startSeconds", "the runtime's own time for a pull, before the answer to its first request, whatever there is to fetch", "`cachebench measure containerd` with arms cold and present, then `cachebench calibrate`"},
		{"pull.blobSeconds", "the runtime's own time for each layer that it fetches, in which none of its bytes flow: opening, verifying, storing it", "`cachebench measure containerd` with an image of many small layers, the link not set, then `cachebench calibrate`"},
		{"pull.repeatRequests", "requests of a pull of an image that is present with its manifest and all its layers: what the reference means now", byTrace + ": requests of a second pull of one image under the policy Always, without those for tokens"},
		{"pull.slotRequests", "whether requests for manifests and configs take a download slot as layers do; only where the scope is the daemon's", "by the client's version (sources below)"},
		{"pull.reuseConnections", "whether a pull keeps connections for its next requests; otherwise each request opens one", "`ss -tn dst REGISTRY` during a pull: does the local port stay the same?"},
		{"pull.retry.attempts", "how often a request that is refused (429) is sent before the pull fails, the first time included", byTrace + " of a registry that answers 429: requests of one blob close together"},
		{"pull.retry.errorAttempts", "the same for a request that is answered with an error of the server (5xx), or not at all", byTrace + " of a registry that answers 500: the same"},
		{"pull.retry.delaySeconds", "the wait before the second attempt; twice it before the third, three times before the fourth, and so on", "the same: time between them"},
		{"pull.retry.backoffSeconds", "the wait before a failed pull is tried again, doubled each time", "`kubectl get events`: time between `Pulling` events of one pod"},
		{"pull.retry.backoffMaxSeconds", "the longest such wait", "the same, after six failures"},
		{"pull.retry.syncSeconds", "the time between two looks of the kubelet at a pod that does not start, from the failure on: a pull is tried again at the first look after its back-off; 0 is at once", "the same: what it is above the back-off's 10, 20, 40 s"},
		{"pull.retry.resume", "whether what has arrived of a layer that broke off is kept", byTrace + ": are there requests with `Range`?"},

		{"unpack.cores", "cores that all unpacks of a node share", "`nproc`, less what else runs"},
		{"unpack.decoder", "what inflates gzip; it brings its speed where `unpack.gzipBytesPerSecond` is not stated beside it", "`command -v igzip unpigz` with the daemon's `PATH`; `ps` during a pull"},
		{"unpack.gzipBytesPerSecond", "gzip, unpacked bytes a second on one core", byUnpack + ": inflating alone"},
		{"unpack.zstdBytesPerSecond", "zstd, unpacked bytes a second on one core", byUnpack + ": inflating alone"},
		{"unpack.diskBytesPerSecond", "what the disk takes of unpacked data, shared by all unpacks of a node", byUnpack + ": the fit; or `fio --name=w --rw=write --bs=1M --size=4G --end_fsync=1`"},
		{"unpack.layerSeconds", "time for each layer whatever its size: prepare, commit, a process started", byUnpack + ": the fit"},
		{"unpack.fileSeconds", "time for each tar entry", byUnpack + ": the fit"},
		{"unpack.parallel", "whether layers of one image are unpacked at once", bySetting},
		{"unpack.maxConcurrent", "slots of a node to unpack layers in, of all images; a layer takes one in its turn, from the base up, before its blob is there", bySetting},
		{"unpack.fetchBytesPerSecond", "what one core takes in from the network: transfers take that much of the cores from unpacking (checksums, TLS, copies)", "`pidstat -p DAEMON 1` while large layers are fetched and nothing is unpacked (`ctr content fetch`): bytes a second, divided by the cores in use"},
		{"unpack.fetchDiskFraction", "share of the disk's speed that unpacking loses while anything is fetched", byUnpack + " while another image is fetched with `ctr content fetch`: how much slower it is"},

		{"start.admitBurst", "starts that are admitted at once", byBurst},
		{"start.admitPerSecond", "starts admitted a second after that, for all nodes together", byBurst},
		{"start.provisionSeconds", "from admission to a sandbox or micro-VM with a network", byStart + ": request to the first `Pulling`, on a node that is up"},
		{"start.createSeconds", "creating and starting one container", byStart + ": `Pulled` to `Started`"},
		{"start.readySeconds", "the program's own time from started to ready, where its app does not state one (`readySeconds`)", byStart + ": `Started` to the condition `Ready`, everything on the node's disk"},

		{"cache.attachSeconds", "making and attaching the disk of a cache that was matched", byCache + ": what a hit takes longer than a miss up to the first pull event"},
		{"cache.readFraction", "share of a cached image's unpacked bytes that is read before ready, where the app states none", "bytes read by the container up to ready (`rbytes` in its cgroup's `io.stat`, empty page cache) divided by the image's unpacked bytes"},
		{"cache.firstReadBytesPerSecond", "how fast a disk made from a snapshot is read the first time", byCache + ": reading files never read before"},
		{"cache.startsPerCopy", "how many starts at once one copy of a cache's snapshot is published to serve; beyond it a report says that it doubts", byBurst + " on one cache: up to how many starts do first reads stay as fast"},
		{"cache.copies", "copies of each cache's snapshot", "read it from the cache's `StandardCopyCount`"},
		{"cache.copyBytesPerSecond", "how fast one copy fills the disks made from it, all together", byBurst + " on one cache: first reads of all instances added up"},
		{"cache.buildSeconds", "making a cache, besides its helper instance's provision and its pulls: the snapshot", byCache + ": last `Pulled` to Ready"},
		{"cache.flashSeconds", "the same for an instant cache (Flash), up to when it is of use", byCache + ": the same with Flash"},

		{"node.diskGiB", "what holds unpacked layers, and blobs where they are kept", onDisk},
		{"node.highFraction", "when the images use more of the disk than this, the node removes some", bySetting},
		{"node.lowFraction", "down to this", bySetting},
		{"node.bootSeconds", "from when a node is first asked for until it is up", "node creation to its condition `Ready` (`kubectl get node -o json`), or your autoscaler's log"},
	}
}
