//go:build linux

package containerd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	containerd "github.com/containerd/containerd/v2/client"

	"github.com/cachebench/cachebench/internal/lab"
	"github.com/cachebench/cachebench/measure"
)

// shimProgram is the shim of containers run by runc.
const shimProgram = "containerd-shim-runc-v2"

// serveWithin is how long a daemon may take until it serves.
const serveWithin = 30 * time.Second

// places are where a node keeps its things.
type places struct {
	dir, config, data, state, socket, log, hosts, fifos, runc string
}

func placesIn(dir string) places {
	in := func(name string) string { return filepath.Join(dir, name) }
	return places{
		dir: dir, config: in("config.toml"), data: in("data"), state: in("state"), socket: in("c.sock"),
		log: in("log"), hosts: in("hosts"), fifos: in("fifos"), runc: in("runc"),
	}
}

// program is the daemon's program and what it runs with.
type program struct {
	binary  string
	version version
	// beside are the programs that it is to find first on its PATH, by name.
	beside map[string]string
	// config is the version of its configuration.
	config      int
	snapshotter string
	platform    string
	env         []string
	// decoder inflates gzip.
	decoder measure.Decoder
}

// daemon is a private daemon that runs.
type daemon struct {
	program *program
	places  places
	limits  limits
	client  *containerd.Client
	cmd     *exec.Cmd
	process process
	exited  chan struct{}
}

// findProgram looks for the daemon and what it needs, so that what is missing is
// told before anything is made.
func findProgram(ctx context.Context, opt *Options) (*program, error) {
	binary := opt.Binary
	if binary == "" {
		binary = "containerd"
	}
	path, err := exec.LookPath(binary)
	if err != nil {
		return nil, fmt.Errorf("look for containerd: %w; install it, name its program, or the socket of a daemon that runs", err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("ask %s for its version: %w", path, err)
	}
	p := &program{binary: path, config: opt.ConfigVersion, snapshotter: opt.Snapshotter, platform: opt.Platform}
	if p.version, err = parseVersion(lastVersion(string(out))); err != nil {
		return nil, fmt.Errorf("ask %s for its version: %w", path, err)
	}
	if p.config == 0 {
		p.config = 2
		if p.version.atLeast(2, 0) {
			p.config = 3
		}
	}
	if p.beside, err = findBeside(path); err != nil {
		return nil, err
	}
	return p, p.chooseDecoder(ctx, opt.Decoder)
}

// findBeside finds shim and runc: those beside the daemon belong to it, else those
// on PATH.
func findBeside(daemon string) (map[string]string, error) {
	found := map[string]string{}
	for _, name := range []string{shimProgram, "runc"} {
		path := filepath.Join(filepath.Dir(daemon), name)
		if _, err := exec.LookPath(path); err != nil {
			if path, err = exec.LookPath(name); err == nil {
				path, err = filepath.Abs(path)
			}
			if err != nil {
				return nil, fmt.Errorf("look for %s, which starts containers, beside %s and on PATH: %w", name, daemon, err)
			}
		}
		found[name] = path
	}
	return found, nil
}

// link puts shim and runc into the directory that is first on the daemon's PATH.
func (p *program) link(bin string) error {
	p.env = append(p.env, "PATH="+bin+":"+os.Getenv("PATH"))
	for name, path := range p.beside {
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			return err
		}
	}
	return nil
}

// chooseDecoder sets what inflates gzip, and the environment that has it so. What
// this process's environment disables the daemon does not take by itself.
func (p *program) chooseDecoder(ctx context.Context, forced string) (err error) {
	if forced == decoderGoStd {
		forced = decoderGo // a daemon has one of the two in it
	}
	if p.decoder, err = measure.FindDecoder(ctx, forced, p.version.major, p.version.minor); err != nil {
		return fmt.Errorf("choose what containerd %s inflates with: %w", p.version, err)
	}
	p.env = nil
	if p.decoder.Name != decoderIgzip {
		p.env = append(p.env, "CONTAINERD_DISABLE_IGZIP=1")
	}
	if p.decoder.Name != decoderPigz {
		p.env = append(p.env, "CONTAINERD_DISABLE_PIGZ=1")
	}
	return nil
}

// environment is the daemon's: this process's with what was decided in its place.
func (p *program) environment() []string {
	var env []string
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		switch name {
		case "PATH", "CONTAINERD_DISABLE_IGZIP", "CONTAINERD_DISABLE_PIGZ", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID":
		default:
			env = append(env, e)
		}
	}
	return append(env, p.env...)
}

// startDaemon starts a daemon on a node's network and waits until it serves.
// started is told its process at once, so that it can be ended after a crash.
func startDaemon(ctx context.Context, p *program, at places, l limits, network *lab.Lab, node int, started func(process) error) (*daemon, error) {
	if err := os.WriteFile(at.config, []byte(configuration(p, at, l)), 0o600); err != nil {
		return nil, fmt.Errorf("write the daemon's configuration: %w", err)
	}
	log, err := os.OpenFile(at.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the daemon's log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(p.binary, "--config", at.config)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = at.dir, p.environment(), log, log
	// A process group of its own: a terminal's interrupt is for this program, which
	// then ends the daemon in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	start := cmd.Start
	if network != nil {
		// A daemon that outlives this program, killed, would keep its node's network
		// namespace. The lab's thread, whose end the kernel goes by, lives as long as the
		// lab.
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
		start = func() error { return network.Start(node, cmd) }
	}
	if err := start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.binary, err)
	}
	d := &daemon{program: p, places: at, limits: l, cmd: cmd, exited: make(chan struct{})}
	identity, err := processOf(cmd.Process.Pid)
	go func() { cmd.Wait(); close(d.exited) }()
	d.process = identity
	if err == nil {
		err = started(identity)
	}
	if err == nil {
		err = d.connect(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

// connect waits until the daemon serves.
func (d *daemon) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, serveWithin)
	defer cancel()
	for {
		if _, err := os.Stat(d.places.socket); err == nil {
			break
		}
		select {
		case <-d.exited:
			return fmt.Errorf("containerd ended at once: %s", d.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("containerd does not serve: %w: %s", ctx.Err(), d.lastWords())
		case <-time.After(2 * time.Millisecond):
		}
	}
	client, err := connect(ctx, d.places.socket)
	if err != nil {
		return fmt.Errorf("%w: %s", err, d.lastWords())
	}
	d.client = client
	return nil
}

// connectTo connects to a daemon that ran already.
func connectTo(ctx context.Context, address string) (*containerd.Client, error) {
	if err := serves(ctx, address); err != nil {
		return nil, err
	}
	return connect(ctx, address)
}

// serves says why nobody listens at a socket, which would be waited for.
func serves(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", address)
	if err != nil {
		return fmt.Errorf("connect to containerd: %w", err)
	}
	return conn.Close()
}

// connect connects to a daemon's socket and waits until it serves.
func connect(ctx context.Context, socket string) (*containerd.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, serveWithin)
	defer cancel()
	client, err := containerd.New(socket, containerd.WithTimeout(serveWithin))
	if err != nil {
		return nil, fmt.Errorf("connect to containerd at %s: %w", socket, err)
	}
	for {
		serving, err := client.IsServing(ctx)
		if err == nil && serving {
			return client, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("containerd at %s does not serve: %w", socket, errors.Join(err, ctx.Err())), client.Close())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// lastWords are the end of the daemon's log.
func (d *daemon) lastWords() string {
	raw, err := os.ReadFile(d.places.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	if lines[0] == "" {
		return "it wrote nothing; is the program a containerd?"
	}
	return strings.Join(lines[max(0, len(lines)-3):], "\n")
}

// shims are those of the daemon's containers.
func (d *daemon) shims() []process { return processesOf(d.places.dir, shimProgram) }

// stop ends the daemon and its shims.
func (d *daemon) stop() error {
	var errs []error
	if d.client != nil {
		errs = append(errs, d.client.Close())
	}
	if d.cmd != nil {
		errs = append(errs, d.process.end(5*time.Second))
		<-d.exited
	}
	for _, shim := range d.shims() {
		errs = append(errs, shim.end(time.Second))
	}
	return errors.Join(errs...)
}
