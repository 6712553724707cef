// Command serve is an ECI endpoint for scripts and demos: package ecitest as a
// process of its own. It is a tool of the project's; nothing imports it.
//
// It prints the URL that it listens on and serves until it is ended. Beside the API
// it answers, for a script to look at and to drive:
//
//	GET  /_leftovers           what is there and costs money, one a line
//	GET  /_count?action=NAME   how many requests of an action there were
//	GET  /_now                 the time that resources live in
//	POST /_advance?by=10m      let time pass
//
// With --left URL it serves nothing: it asks another serve what is there, prints that,
// and fails unless it is nothing.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

// flags are those of the command line.
type flags struct {
	listen, start, inventory, profile, faults, key, account, left string
	step                                                          time.Duration
	real, registry, lowerCamel, strict, network                   bool
	plainHTTP, policies                                           []string
	registries                                                    map[string]string
	seed                                                          uint64
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var f flags
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	set.StringVar(&f.listen, "listen", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	set.StringVar(&f.start, "start", "2026-03-01T00:00:00Z", "time at which the clock begins")
	set.DurationVar(&f.step, "step", time.Second, "by how much each request advances the clock")
	set.BoolVar(&f.real, "real-time", false, "take this machine's clock instead")
	set.StringVar(&f.inventory, "inventory", "", "Inventory with the images that exist; without it every reference is one")
	set.BoolVar(&f.registry, "registry", false, "look images up in their registries")
	set.StringSliceVar(&f.plainHTTP, "plain-http", nil, "registries that speak HTTP without TLS")
	set.StringToStringVar(&f.registries, "registry-at", nil, "NAME=HOST:PORT, a registry that is served in plain HTTP at an address")
	set.StringVar(&f.profile, "profile", "eci", "built-in profile, or the file of one")
	set.StringArrayVar(&f.policies, "policy", nil, "KEY=VALUE, a reading of a rule that is not documented, or a quota")
	set.StringVar(&f.faults, "faults", "", "file of what goes wrong (kind "+ecitest.FaultsKind+")")
	set.StringVar(&f.account, "account", "", fmt.Sprintf("state of the account, one of %q; without it all is well", ecitest.AccountStates()))
	set.StringVar(&f.key, "key", "", "ID:SECRET of the access key; the default is that of ecitest.TestKey")
	set.Uint64Var(&f.seed, "seed", 1, "seed of IDs, draws and faults")
	set.BoolVar(&f.lowerCamel, "lower-camel-events", false, "write the keys of events in lower camel case")
	set.BoolVar(&f.strict, "strict", false, "refuse parameters that an action does not have")
	set.StringVar(&f.left, "left", "", "ask the serve at this URL what is left there, and fail unless it is nothing")
	set.BoolVar(&f.network, "require-network", false, "refuse image caches without a vSwitch and a security group, as the documentation says and the API's schema does not")
	if err := set.Parse(args); err != nil {
		return err
	}
	if f.left != "" {
		return checkLeft(ctx, f.left, out)
	}
	opt, err := f.options()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", f.listen, err)
	}
	server := ecitest.NewHandler(opt)
	h := &http.Server{Handler: handler(server), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		h.Close()
	}()
	fmt.Fprintf(out, "http://%s\n", listener.Addr())
	if err := h.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// checkLeft fails unless nothing is left at another serve.
func checkLeft(ctx context.Context, url string, out io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+"/_leftovers", nil)
	if err != nil {
		return fmt.Errorf("--left: %w", err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask what is left: %w", err)
	}
	defer answer.Body.Close()
	left, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return fmt.Errorf("ask what is left at %s: %w", url, err)
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("ask what is left at %s: %s", url, answer.Status)
	case len(left) == 0:
		fmt.Fprintln(out, "Nothing is left at the endpoint.")
		return nil
	}
	out.Write(left)
	return fmt.Errorf("%d left behind", strings.Count(string(left), "\n"))
}

// options are the server's, of the flags.
func (f *flags) options() (opt ecitest.Options, err error) {
	opt = ecitest.Options{Seed: f.seed, LowerCamelEvents: f.lowerCamel, Strict: f.strict, RequireNetwork: f.network}
	start, err := time.Parse(time.RFC3339, f.start)
	if err != nil {
		return opt, fmt.Errorf("--start: %w", err)
	}
	opt.Clock = ecitest.NewFakeClock(start, f.step)
	if f.real {
		opt.Clock = ecitest.RealClock{}
	}
	opt.Account = ecitest.AccountState(f.account)
	if f.account != "" && !slices.Contains(ecitest.AccountStates(), opt.Account) {
		return opt, fmt.Errorf("--account %q is none of %q", f.account, ecitest.AccountStates())
	}
	if f.key != "" {
		id, secret, ok := strings.Cut(f.key, ":")
		if !ok {
			return opt, fmt.Errorf("--key is not ID:SECRET")
		}
		opt.AccessKeys = []ecitest.AccessKey{{ID: id, Secret: secret}}
	}
	if opt.Profile, err = f.readProfile(); err != nil {
		return opt, err
	}
	policy := matcher.DefaultPolicy()
	for _, p := range f.policies {
		if err := policy.Set(p); err != nil {
			return opt, err
		}
	}
	opt.Policy = &policy
	if err := f.readInputs(&opt); err != nil {
		return opt, err
	}
	return opt, nil
}

func (f *flags) readProfile() (*simulate.Profile, error) {
	profile, err := simulate.BuiltIn(f.profile)
	if err == nil {
		return profile, nil
	}
	data, readErr := os.ReadFile(f.profile)
	if readErr != nil {
		return nil, fmt.Errorf("--profile: %w, nor is it a file: %w", err, readErr)
	}
	return simulate.ReadProfile(f.profile, data)
}

func (f *flags) readInputs(opt *ecitest.Options) error {
	if f.faults != "" {
		data, err := os.ReadFile(f.faults)
		if err != nil {
			return err
		}
		faults, err := ecitest.ReadFaults(f.faults, data)
		if err != nil {
			return err
		}
		opt.Faults = *faults
	}
	if f.inventory != "" {
		data, err := os.ReadFile(f.inventory)
		if err != nil {
			return err
		}
		if opt.Inventory, err = layers.Read(f.inventory, data); err != nil {
			return err
		}
	}
	if f.registry || len(f.registries) > 0 {
		opt.Resolve = func(ctx context.Context, reference, platform string) (*layers.Inventory, error) {
			return layers.Resolve(ctx, []string{reference}, layers.Options{Platforms: []string{platform}, PlainHTTP: f.plainHTTP, Registries: f.registries})
		}
	}
	return nil
}

// handler answers scripts beside the API.
func handler(s *ecitest.Server) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", s)
	mux.HandleFunc("GET /_leftovers", func(w http.ResponseWriter, _ *http.Request) {
		for _, left := range s.Leftovers() {
			fmt.Fprintln(w, left)
		}
	})
	mux.HandleFunc("GET /_count", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, s.Count(r.FormValue("action")))
	})
	mux.HandleFunc("GET /_now", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, s.Now().UTC().Format(time.RFC3339))
	})
	mux.HandleFunc("POST /_advance", func(w http.ResponseWriter, r *http.Request) {
		by, err := time.ParseDuration(r.FormValue("by"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if !s.Advance(by) {
			http.Error(w, "the clock is this machine's: it cannot be advanced", http.StatusConflict)
		}
	})
	return mux
}
