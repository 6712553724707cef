package main

// repeat says how to make this page again, whole and in parts.
func (d *page) repeat() {
	d.heading("## Repeating it")
	d.code("make validate")
	d.text("as root on Debian 12 with Go, on a machine that does nothing else: an hour or so. It builds the images and containerd, measures, and writes this page and the record in `testdata/validation` (every run, and the fitted profiles). It goes on where it was interrupted; remove `build/validation` to begin anew. `go run ./internal/validate -only document` writes the page again from what was measured.")
	d.text("The parts by themselves, by the program that everybody has; `make images containerd` builds what they take:")
	d.code(partCommands)
	d.text("`make validate` makes the last two in turn, run by run. The trial *images* is a fit by the library: `calibrate.Options.FoldBy`. `cachebench calibrate --fit-on cold` fits to all cold single starts, the trial *cold* to fewer.")
}

// partCommands measure and judge the same as make validate. What their starts run is
// said beside the experiment; a program that ends at once, whatever the image.
const partCommands = `
cachebench measure containerd --experiment internal/validate/experiment.yaml \
    --registry registry.example.com=build/images --containerd build/bin/containerd \
    --decoder go --root /dev/shm/cachebench --arg /bin/true --save memory.json
cachebench calibrate memory.json --fit-on half --save half.json
cachebench calibrate memory.json --folds 5

cachebench measure containerd --experiment internal/validate/disk.yaml \
    --registry registry.example.com=build/images --containerd build/bin/containerd \
    --decoder go --root build/disk --arg /bin/true --save disk.json
cachebench calibrate disk.json --folds 4

cachebench measure containerd --pull-only --link-rate 300Mbit/s,unlimited \
    registry.example.com/shop/web:1.4.0 registry.example.com/ci/runner:2026.11 \
    registry.example.com/db/postgresql:15 \
    --registry registry.example.com=build/images --containerd build/bin/containerd \
    --decoder go --root /dev/shm/cachebench --save by-containerd.json
cachebench measure pull --link-rate 300Mbit/s,unlimited \
    registry.example.com/shop/web:1.4.0 registry.example.com/ci/runner:2026.11 \
    registry.example.com/db/postgresql:15 \
    --registry registry.example.com=build/images \
    --decoder go --root /dev/shm/cachebench --save by-pull.json
`
