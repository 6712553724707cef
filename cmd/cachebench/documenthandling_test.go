package main

// A handling says what a command of a page needs to be run, or why it is not. The first
// whose page and beginning fit is the command's.
type handling struct {
	page    string
	command string // how it begins; pageBegins: before the page's first
	// before is run first, in the same shell: team puts a team's scenario, workload,
	// profile and inventory into the directory, shop the quickstart's scenario, $KINDS has docs/files.md's examples as
	// KIND.yaml, $SINGLE is a layout of one image, $FILES is testdata/documents.
	before  string
	replace []string // old and new in turn, where the page leaves a name to the reader
	code    int      // the exit code
	// What is not run: parsed and exempt say why, script which of testdata/script runs it.
	parsed string
	exempt string
	script string
}

// pageBegins stands before the first command of a page.
const pageBegins = "^"

// Reasons that several commands have.
const (
	needsContainerd = "needs root and containerd: containerd.txtar runs such ones"
	needsModule     = "changes a module from the network: make example tests one"
	ownHost         = "measures the reader's own host, registry or cluster"
)

const (
	// The scenario of deploy/kubernetes, which has the app web on instances of their own.
	pods = "cp $ROOT/deploy/kubernetes/scenario.yaml $ROOT/deploy/kubernetes/workload.yaml $ROOT/deploy/kubernetes/inventory.json ."
	// The histories of events, metrics and groups that a script has.
	histories  = `part() { sed -n "/^-- $1 --$/,/^-- /p" "$ROOT"/cmd/cachebench/testdata/script/workload-import-formats.txtar | sed '/^-- /d'; }`
	teamCaches = "cp testdata/match/caches.yaml caches.yaml"
	// The caches of a plan that names them, in the account.
	explicitPlan = `cachebench plan --scenario scenario.yaml --assign explicit --save plan.json
cachebench plan export plan.json --as cache-apply --output-file caches.yaml
cachebench cache apply caches.yaml --vswitch vsw-1 --security-group sg-1 --wait --poll 1ms
cachebench cache list --no-drift --save account.yaml
sed -n '/^  - /,$p' testdata/quickstart/caches.yaml >>account.yaml`
	// A few pulls, of which a fit is quick: docs/calibration.md has more.
	someMeasured = "test -e measured.json || cachebench measure pull registry.example.com/team/web:1.4 --repeats 3 --save measured.json"
	shopPlan     = "cachebench plan --scenario testdata/quickstart/scenario.yaml --save plan.json"
)

var handlings = []handling{
	{page: "README.md", command: "make demo", exempt: "go run of the command shown next, which is run"},
	{page: "README.md", command: "make test", exempt: "runs this test"},
	{page: "README.md", command: "go install", exempt: needsModule},
	{page: "README.md", command: "cachebench simulate --scenario scenario.yaml --output benchfmt", before: "team; cachebench simulate --scenario scenario.yaml --output benchfmt --output-file old.txt"},
	{page: "README.md", command: "cachebench match --workload workload.yaml --caches caches.yaml --against", before: "cp $KINDS/ServiceAnswers.yaml answers.yaml; cp $KINDS/Caches.yaml caches.yaml; cp $KINDS/Workload.yaml workload.yaml"},
	{page: "README.md", command: "cachebench match --workload workload.yaml --caches", before: teamCaches},
	{page: "README.md", command: "cachebench analyze --last-tags", replace: []string{"shop/web", "shop/web --registry-alias registry.example.com=$REGISTRY"}},
	{page: "README.md", command: "cachebench match --each", before: "cp inventory.json fleet.json"},
	{page: "README.md", command: "cachebench match --workload workload.yaml --stores", before: "cp $KINDS/Stores.yaml nodes.yaml"},
	{page: "README.md", command: "cachebench capacity burst", before: pods, code: 3}, // 1,000 are not ready within 30 s
	{page: "README.md", command: "cachebench sweep", before: "cp $KINDS/Sweep.yaml sweep.yaml; sed -i s/Scenario.yaml/scenario.yaml/ sweep.yaml"},
	{page: "README.md", command: "cachebench init", before: "rm scenario.yaml workload.yaml inventory.json"},
	{page: "README.md", command: "kubectl get pods -A", before: "rm scenario.yaml workload.yaml"},
	{page: "README.md", command: "cachebench run scenario.yaml --check", before: "team"},
	{page: "README.md", command: "cachebench run scenario.yaml", before: "team"},
	{page: "README.md", command: "cachebench match nginx:1.27", before: "cp $KINDS/Caches.yaml caches.yaml"},
	{page: "README.md", command: "cachebench plan --inventory inventory.json --workload workload.yaml", before: "cp $KINDS/Workload.yaml workload.yaml"},
	{page: "README.md", command: "cachebench plan --scenario scenario.yaml --goal limit", before: "team"},
	{page: "README.md", command: "cachebench plan --trace", before: "cp $FILES/starts.csv .; cp $FILES/apps.yaml workload.yaml"},
	{page: "README.md", command: "cachebench plan export plan.json", before: shopPlan},
	{page: "README.md", command: "cachebench plan --inventory inventory.json --workload pools.yaml", before: "cp $FILES/pools.yaml .; cachebench analyze nginx:1.27 redis:7 --save inventory.json"},
	{page: "README.md", command: "cachebench simulate --inventory inventory.json --workload workload.yaml", before: "cp $KINDS/Workload.yaml workload.yaml"},
	{page: "README.md", command: "cachebench simulate --scenario scenario.yaml --burst", before: "team"},
	{page: "README.md", command: "cachebench simulate --inventory inventory.json --workload trace.csv", before: "cp $FILES/starts.csv trace.csv; cachebench analyze nginx:1.27 redis:7 --save inventory.json"},
	{page: "README.md", command: "cachebench calibrate measured.json", before: someMeasured},
	{page: "README.md", command: "cachebench measure pull oci:build/app", before: "rm -f measured.json; mkdir build; cp -r $SINGLE build/app"},
	{page: "README.md", command: "cachebench measure pull", before: "rm -f measured.json"},
	{page: "README.md", command: "cachebench measure containerd", parsed: needsContainerd},
	{page: "README.md", command: "cachebench diff main.json oci:build/web", before: "cp -r $SINGLE build/web; cachebench analyze registry.example.com/shop/web:1.4.0 --save main.json"},
	{page: "README.md", command: "cachebench cache apply", replace: []string{"--wait", "--wait --poll 1ms"}},
	{page: "README.md", command: "cachebench measure eci", replace: []string{"--max-cost 1", "--max-cost 1 --virtual-time --yes"}},

	{page: "docs/benchtest.md", command: "go get", exempt: needsModule},
	{page: "docs/benchtest.md", command: "go test", exempt: "gobench.txtar and make example run it"},
	{page: "docs/benchtest.md", command: "benchstat", before: "cd examples/gobench", exempt: ""},
	{page: "docs/benchtest.md", command: "cachebench", script: "documented.txtar"},

	{page: "docs/compare.md", command: "benchstat", exempt: "TestBenchstatCommands runs it"},
	{page: "docs/compare.md", command: "cachebench", script: "documented.txtar"},

	{page: "docs/ci.md", command: "cachebench measure containerd", parsed: needsContainerd},
	{page: "docs/ci.md", command: "cachebench compare", parsed: "compares what the command before measures; documented.txtar runs such a one"},
	{page: "docs/ci.md", command: "", script: "github-actions.txtar"},

	{page: "docs/calibrate-from-events.md", command: "cachebench analyze", before: "cp $ROOT/workload/testdata/pulls/first.json snapshot-1200.json", code: 1},
	{page: "docs/calibrate-from-events.md", command: "cachebench workload import kubelet_image_pull", before: histories + "\npart prom.json | gzip > kubelet_image_pull_duration_seconds_bucket.json.gz"},
	{page: "docs/calibrate-from-events.md", command: "cachebench calibrate --check --profile mine.yaml --inventory", before: "cp $ROOT/deploy/kubernetes/inventory.json inventory.json"}, // no registry has those of the snapshot
	{page: "docs/calibrate-from-events.md", command: "cachebench simulate", before: "team"},
	{page: "docs/calibrate-from-events.md", command: "cachebench measure pull", before: "rm -f measured.json"},

	{page: "docs/choose-node-images.md", command: "cachebench workload import", replace: []string{"--save ", "--scale-to-day --save "}, before: "cp $ROOT/workload/testdata/pulls/first.json snapshot-1.json; cp $ROOT/workload/testdata/pulls/second.json snapshot-2.json"},

	{page: "docs/plan-a-burst.md", command: "cachebench simulate --scenario testdata/quickstart/scenario.yaml --burst 'report=1000 over 10s' --profile ours.yaml", before: "sed -n '/^kind: Profile/,/^```/p' $ROOT/docs/plan-a-burst.md | sed -e '1i apiVersion: cachebench/v1' -e '/^```/d' >ours.yaml"},
	{page: "docs/plan-a-burst.md", command: "cachebench capacity burst", code: 3}, // 1,000 are not ready within 60 s
	{page: "docs/plan-a-burst.md", command: "cachebench capacity sensitivity", code: 3},
	{page: "docs/plan-a-burst.md", command: "cachebench run scenario.yaml --check", before: "shop; sed -n '/^bursts:/,/^```/p' $ROOT/docs/plan-a-burst.md | sed '/^```/d' >>scenario.yaml; sed -i -e '/^windowSeconds/d' -e '/^registries/,/^layerSizes/d' scenario.yaml; cachebench analyze --scenario testdata/quickstart/scenario.yaml --save inventory.json; echo 'inventory: inventory.json' >>scenario.yaml"},

	{page: "docs/cache.md", command: "cachebench cache delete web", replace: []string{"delete web", "delete web --yes"}},
	{page: "docs/cache.md", command: "cachebench cache update", replace: []string{"--wait", "--wait --poll 1ms"}},
	{page: "docs/cache.md", command: "cachebench cache wait", replace: []string{"wait web", "wait web --poll 1ms"}},
	{page: "docs/cache.md", command: "cachebench cache apply caches.yaml --dry-run", before: "cp $KINDS/CacheSet.yaml caches.yaml"},
	{page: "docs/cache.md", command: "cachebench cache", replace: []string{"--wait", "--wait --poll 1ms"}},

	{page: "docs/calibration.md", command: "cachebench calibrate measured.json", before: "cp $ROOT/cmd/cachebench/testdata/calibrate/measured.json .; cp measured.json later.json"},

	{page: "docs/capacity.md", command: "cachebench capacity burst", before: pods, code: 3}, // 1,000 are not ready within 30 s
	{page: "docs/capacity.md", command: "make bench-caches", exempt: "a benchmark of minutes"},
	{page: "docs/capacity.md", command: "cachebench capacity node-disk", before: "cp $FILES/pools.yaml ."},

	{page: "docs/eci.md", command: "export VSWITCH", replace: []string{"vsw-…", "vsw-1", "sg-…", "sg-1"}},
	{page: "docs/eci.md", command: "export ALIBABA_CLOUD_ACCESS_KEY_ID", exempt: "sets a key of the reader's; here the endpoint's own is set"},
	{page: "docs/eci.md", command: "cachebench cache create", before: "export CACHEBENCH_REGISTRY_ALIAS=registry-vpc.cn-hangzhou.aliyuncs.com=$REGISTRY"},
	{page: "docs/eci.md", command: "cachebench cache wait", replace: []string{"wait web", "wait web --poll 1ms"}},
	{page: "docs/eci.md", command: "cachebench measure eci registry-vpc", before: "rm -f timeline.json; id=$(sed -n 's/^ *- id: //p' web.yaml)", replace: []string{"imc-…", "$id", "--max-cost 0.5", "--max-cost 0.5 --virtual-time --yes"}},
	{page: "docs/eci.md", command: "cachebench measure eci --experiment", parsed: "the page's file names a login of the reader's: measure-eci-file.txtar runs such files"},
	{page: "docs/eci.md", command: "cachebench cache delete", replace: []string{"delete web", "delete web --yes"}},
	{page: "docs/eci.md", command: "aliyun eci Delete", exempt: "another program's, on an account"},
	{page: "docs/eci.md", command: "aliyun eci DescribeContainerGroups", exempt: "another program's, on an account"},
	{page: "docs/eci.md", command: "cachebench plan export", before: shopPlan},
	{page: "docs/eci.md", command: "cachebench cache apply", replace: []string{"--wait", "--wait --poll 1ms --registry-alias registry.example.com=$REGISTRY"}},

	{page: "docs/export.md", command: pageBegins, before: "shop"},
	{page: "docs/export.md", command: "cachebench plan export plan.json --as pod-patches", before: explicitPlan},
	{page: "docs/export.md", command: "cachebench plan export plan.json --as daemonset", before: "cachebench plan --workload testdata/quickstart/pools.yaml --profile containerd --disk-gib 20 --save plan.json"},
	{page: "docs/export.md", command: "xargs", exempt: "GKE's own program"},

	{page: "docs/formats.md", command: pageBegins, before: "shop"},

	{page: "docs/import.md", command: "cachebench workload import events-", before: histories + "; part events.jsonl | gzip >events-2026-11-01.jsonl.gz", replace: []string{"--save ", "--scale-to-day --save "}},
	{page: "docs/import.md", command: "for q in", exempt: "asks a Prometheus of the reader's"},
	{page: "docs/import.md", command: "promtool", exempt: "asks a Prometheus of the reader's"},
	{page: "docs/import.md", command: "done", exempt: "asks a Prometheus of the reader's"},
	{page: "docs/import.md", command: "cachebench workload import *.json.gz", before: "part prom.json | gzip >prom.json.gz", replace: []string{"--save ", "--scale-to-day --save "}},
	{page: "docs/import.md", command: "aliyun", exempt: "another program's, on an account"},
	{page: "docs/import.md", command: "cachebench workload import groups-", before: "part groups.json >groups-1.json", replace: []string{"--save ", "--scale-to-day --save "}},
	{page: "docs/import.md", command: "cachebench workload generate --inventory", before: "cachebench analyze nginx:1.27 redis:7 --save inventory.json"},
	{page: "docs/import.md", command: "cachebench workload import", replace: []string{"--save ", "--scale-to-day --save "}, before: "rm -f snapshot-*; cp $ROOT/workload/testdata/pulls/first.json snapshot-1.json; cp $ROOT/workload/testdata/pulls/second.json snapshot-2.json"},

	{page: "docs/measure.md", command: "cachebench measure pull", parsed: "the form of the command"},
	{page: "docs/measure.md", command: "cachebench measure containerd", parsed: needsContainerd},
	{page: "docs/measure.md", command: "cachebench measure eci IMAGE", parsed: "the form of the command"},
	{page: "docs/measure.md", command: "cachebench calibrate", before: someMeasured},
	{page: "docs/measure.md", command: "cachebench measure eci --clean-up --run", parsed: "RUN is a run of the reader's: measure-eci.txtar runs such ones"},

	{page: "docs/model.md", command: "curl", exempt: ownHost},
	{page: "docs/model.md", command: "time", exempt: ownHost},
	{page: "docs/model.md", command: "ctr", exempt: ownHost},
	{page: "docs/model.md", command: "kubectl", exempt: ownHost},
	{page: "docs/model.md", command: "go test ./simulate", exempt: "a test of another package"},

	{page: "docs/planning.md", command: "cachebench plan --scenario", before: "team"},
	{page: "docs/planning.md", command: "cachebench plan --inventory", before: "team"},

	{page: "docs/pools.md", command: "cachebench plan --workload pools.yaml", before: "sed -n '/^    # pools.yaml/,/^$/s/^    //p' $ROOT/docs/pools.md >pools.yaml"},

	{page: "docs/sweep.md", command: "kubectl", exempt: "a cluster: TestKubernetes builds what is applied, and runs its pods' commands"},
	{page: "docs/sweep.md", command: "cachebench sweep sweep.yaml --shard"},
	{page: "docs/sweep.md", command: "cachebench sweep sweep.yaml --output"},
	{page: "docs/sweep.md", command: "cachebench sweep sweep.yaml", before: pods + "; sed -n '/^kind: Sweep/,/^```/p' $ROOT/docs/sweep.md | sed -e '1i apiVersion: cachebench/v1' -e '/^```/d' >sweep.yaml"},
	{page: "docs/sweep.md", command: "cachebench sweep merge", before: "for i in 1 2 3; do cachebench sweep sweep.yaml --shard $i/4 --dir results; done"},

	{page: "docs/tutorial.md", command: "git clone", exempt: "from the network"},
	{page: "docs/tutorial.md", command: "cd", exempt: "into what was cloned, where the test is"},
	{page: "docs/tutorial.md", command: "go install", exempt: "builds the program that the test runs"},

	{page: "docs/trace.md", command: "cachebench plan", before: "cp $FILES/starts.csv $FILES/apps.yaml ."},

	{page: "docs/validation.md", command: "make validate", exempt: "an hour of measuring, as root, on a quiet machine"},
	{page: "docs/validation.md", command: "cachebench measure", parsed: "parts of the hour of make validate, as root"},
	{page: "docs/validation.md", command: "cachebench calibrate", parsed: "takes what the hour of make validate measures; calibrate.txtar runs such ones"},

	// Of the examples of --help those that have a handling are run.
	{page: "docs/reference/analyze.md", command: "cachebench analyze nginx:1.27 redis:7"},
	{page: "docs/reference/analyze.md", command: "cachebench analyze --from-kubernetes deploy.yaml", before: "helm >deploy.yaml; helm >jobs.yaml"},
	{page: "docs/reference/analyze.md", command: "helm template"},
	{page: "docs/reference/analyze.md", command: "cachebench analyze --last-tags", replace: []string{"shop/web", "shop/web --registry-alias registry.example.com=$REGISTRY"}},
	{page: "docs/reference/analyze.md", command: "cachebench analyze --inventory"},
	{page: "docs/reference/diff.md", command: "cachebench diff registry.example.com/shop/web:1.4.0"},
	{page: "docs/reference/diff.md", command: "cachebench diff inventory.json oci:build/web", before: "team; mkdir build; cp -r $SINGLE build/web; cachebench analyze nginx:1.27 --save inventory.json"},
	{page: "docs/reference/init.md", command: "cachebench init --image"},
	{page: "docs/reference/init.md", command: "cachebench init --from-kubernetes", before: "cp $ROOT/workload/testdata/pulls/first.json pods.json; helm >jobs.yaml"},
	{page: "docs/reference/init.md", command: "cachebench init"},
	{page: "docs/reference/init.md", command: "kubectl get pods", before: "rm -f scenario.yaml workload.yaml lock.yaml"},
	{page: "docs/reference/man.md", command: "cachebench man"},
	{page: "docs/reference/man.md", command: "man -l", exempt: "another program's, of a page that the command before writes"},
	{page: "docs/reference/init.md", command: "helm template", before: "rm -f scenario.yaml workload.yaml lock.yaml"},
	{page: "docs/reference/match.md", command: "cachebench match nginx:1.27 redis:7 --caches", before: "cp $KINDS/Caches.yaml caches.yaml; cp $KINDS/Workload.yaml workload.yaml; cachebench analyze nginx:1.27 redis:7 --save inventory.json"},
	{page: "docs/reference/match.md", command: "cachebench match --inventory"},
	{page: "docs/reference/match.md", command: "cachebench match app:2 sidecar:1"},
	{page: "docs/reference/match.md", command: "cachebench match --scenario scenario.yaml --plan", before: "shop; cachebench plan --scenario scenario.yaml --save plan.json"},
	{page: "docs/reference/match.md", command: "cachebench match --scenario scenario.yaml --policy"},
	{page: "docs/reference/match.md", command: "cachebench match nginx:1.27 redis:7 --stores", before: "cp $KINDS/Stores.yaml stores.yaml"},
	{page: "docs/reference/plan.md", command: "cachebench plan --inventory", before: "cp $KINDS/Workload.yaml workload.yaml; cachebench analyze nginx:1.27 redis:7 --save inventory.json"},
	{page: "docs/reference/plan.md", command: "cachebench plan --scenario scenario.yaml --matches", before: "shop; cachebench match --scenario scenario.yaml --save matches.json"},
	{page: "docs/reference/plan.md", command: "cachebench plan --scenario scenario.yaml --goal limit", code: 3}, // no choice keeps it
	{page: "docs/reference/plan.md", command: "cachebench plan --scenario", before: "shop"},
	{page: "docs/reference/plan.md", command: "cachebench plan --trace", before: "cp $FILES/starts.csv $FILES/apps.yaml ."},
	{page: "docs/reference/plan.md", command: "cachebench plan --workload", before: "cp $FILES/pools.yaml ."},
	{page: "docs/reference/plan.md", command: "cachebench plan export plan.json --as cache-apply"},
	{page: "docs/reference/plan.md", command: "cachebench plan export plan.json --as image-list"},
	{page: "docs/reference/plan.md", command: "cachebench run scenario.yaml"},
	{page: "docs/reference/plan.md", command: "cachebench plan export report.json"},
	{page: "docs/reference/report.md", command: "cachebench report report.json", before: "shop; cachebench run scenario.yaml; cachebench plan --scenario scenario.yaml --save plan.json; cachebench simulate --scenario scenario.yaml --plan plan.json --save timeline.json; cachebench analyze --scenario scenario.yaml --save inventory.json"},
	{page: "docs/reference/report.md", command: "cachebench report timeline.json"},
	{page: "docs/reference/run.md", command: "cachebench run scenario.yaml --registry-alias", parsed: "a registry of the reader's"},
	{page: "docs/reference/run.md", command: "cachebench run scenario.yaml --check", before: "team"},
	{page: "docs/reference/run.md", command: "cachebench run scenario.yaml", before: "shop"},
	{page: "docs/reference/schema.md", command: "cachebench schema"},
	{page: "docs/reference/simulate.md", command: "cachebench simulate --inventory inventory.json --workload workload.yaml", before: "cp $KINDS/Workload.yaml workload.yaml; cp $KINDS/Caches.yaml caches.yaml; cachebench analyze nginx:1.27 redis:7 --save inventory.json; cp $FILES/starts.csv trace.csv"},
	{page: "docs/reference/simulate.md", command: "cachebench simulate --scenario scenario.yaml --plan", before: "shop; cachebench plan --scenario scenario.yaml --save plan.json"},
	{page: "docs/reference/simulate.md", command: "cachebench simulate --inventory inventory.json --workload trace.csv"},
	{page: "docs/reference/simulate.md", command: "cachebench simulate --scenario scenario.yaml --burst", before: "team"},
	{page: "docs/reference/simulate.md", command: "cachebench simulate --image"},
	{page: "docs/reference/version.md", command: "cachebench version"},
}
