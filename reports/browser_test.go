package reports

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser is a headless Chromium, asked over the pipes of its DevTools protocol.
type browser struct {
	t       *testing.T
	to      *os.File
	next    int
	session string

	mu      sync.Mutex
	answers map[int]chan message
	// events are what the page told, of the methods that tests look at.
	events []message
}

// message is one of the DevTools protocol.
type message struct {
	ID        int             `json:"id"`
	Method    string          `json:"method"`
	Params    json.RawMessage `json:"params"`
	Result    json.RawMessage `json:"result"`
	SessionID string          `json:"sessionId"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// browserWait bounds the wait for one answer.
const browserWait = 60 * time.Second

// startBrowser skips the test where there is no Chromium, unless the environment's
// CACHEBENCH_CHROMIUM is required.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome", "headless_shell"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("CACHEBENCH_CHROMIUM") == "required" {
			t.Fatal("no chromium on PATH, and CACHEBENCH_CHROMIUM=required: apt-get install chromium")
		}
		t.Skip("no chromium on PATH: the page is not tried in a browser; make browser installs one (root, Debian)")
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	theirOut, ourIn, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe", "--user-data-dir="+t.TempDir(), "about:blank")
	cmd.ExtraFiles = []*os.File{theirOut, theirs} // 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	theirOut.Close()
	theirs.Close()
	b := &browser{t: t, to: ourIn, answers: make(map[int]chan message)}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() {
		fmt.Fprint(ourIn, `{"id":1000000,"method":"Browser.close"}`+"\x00")
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			cmd.Process.Kill()
			<-done
		}
		ourIn.Close()
		ours.Close()
	})
	go b.read(ours)
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.call(domain+".enable", nil, nil)
	}
	b.call("Emulation.setFocusEmulationEnabled", map[string]any{"enabled": true}, nil)
	return b
}

func (b *browser) read(from *os.File) {
	r := bufio.NewReader(from)
	for {
		data, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(data[:len(data)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		if answer := b.answers[m.ID]; m.ID > 0 && answer != nil {
			answer <- m
			delete(b.answers, m.ID)
		} else if m.ID == 0 {
			b.events = append(b.events, m)
		}
		b.mu.Unlock()
	}
}

// call asks for a method and decodes its result into out, unless that is nil.
func (b *browser) call(method string, params map[string]any, out any) {
	b.t.Helper()
	b.mu.Lock()
	b.next++
	id, answer := b.next, make(chan message, 1)
	b.answers[id] = answer
	b.mu.Unlock()
	ask := map[string]any{"id": id, "method": method}
	if params != nil {
		ask["params"] = params
	}
	if b.session != "" {
		ask["sessionId"] = b.session
	}
	data, err := json.Marshal(ask)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.to.Write(append(data, 0)); err != nil {
		b.t.Fatalf("ask chromium for %s: %v", method, err)
	}
	select {
	case m := <-answer:
		if m.Error != nil {
			b.t.Fatalf("chromium refuses %s: %s", method, m.Error.Message)
		}
		if out != nil {
			if err := json.Unmarshal(m.Result, out); err != nil {
				b.t.Fatalf("chromium's answer to %s: %v", method, err)
			}
		}
	case <-time.After(browserWait):
		b.t.Fatalf("chromium did not answer %s within %s", method, browserWait)
	}
}

// happened returns what the page told of a method, and how often.
func (b *browser) happened(method string) (list []message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.events {
		if m.Method == method {
			list = append(list, m)
		}
	}
	return list
}

// open loads a page from a file, at a width.
func (b *browser) open(page []byte, width int) {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "report.html")
	if err := os.WriteFile(path, page, 0o644); err != nil {
		b.t.Fatal(err)
	}
	b.width(width)
	b.mu.Lock()
	b.events = nil
	b.mu.Unlock()
	b.call("Page.navigate", map[string]any{"url": "file://" + path}, nil)
	for until := time.Now().Add(browserWait); len(b.happened("Page.loadEventFired")) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			b.t.Fatal("the page does not load")
		}
	}
}

func (b *browser) width(width int) {
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
}

// scheme is light or dark, as the reader's screen is.
func (b *browser) scheme(name string) {
	b.call("Emulation.setEmulatedMedia", map[string]any{"media": "screen", "features": []map[string]string{{"name": "prefers-color-scheme", "value": name}}}, nil)
}

// eval runs an expression in the page, of which the value is decoded into out.
func (b *browser) eval(expression string, out any) {
	b.t.Helper()
	var r struct {
		Result    struct{ Value json.RawMessage }
		Exception *struct {
			Text      string
			Exception struct{ Description string }
		} `json:"exceptionDetails"`
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r)
	if r.Exception != nil {
		b.t.Fatalf("%s: %s %s", expression, r.Exception.Text, r.Exception.Exception.Description)
	}
	if out != nil {
		if err := json.Unmarshal(r.Result.Value, out); err != nil {
			b.t.Fatalf("%s gives %s: %v", expression, r.Result.Value, err)
		}
	}
}

// press presses a key as a keyboard does.
func (b *browser) press(key string, code int) {
	for _, what := range []string{"keyDown", "keyUp"} {
		p := map[string]any{"type": what, "key": key, "code": key, "windowsVirtualKeyCode": code}
		if key == "Enter" && what == "keyDown" {
			p["text"] = "\r"
		}
		b.call("Input.dispatchKeyEvent", p, nil)
	}
}

// click presses and lets go of the mouse in the middle of an element, moving to it
// first.
func (b *browser) click(selector string) {
	b.t.Helper()
	x, y := b.middle(selector)
	for _, what := range []string{"mouseMoved", "mousePressed", "mouseReleased"} {
		b.mouse(what, x, y)
	}
}

func (b *browser) mouse(what string, x, y float64) {
	p := map[string]any{"type": what, "x": x, "y": y}
	if what != "mouseMoved" {
		p["button"], p["clickCount"] = "left", 1
	}
	b.call("Input.dispatchMouseEvent", p, nil)
}

func (b *browser) middle(selector string) (x, y float64) {
	b.t.Helper()
	var at []float64
	b.eval(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.scrollIntoView({block: "center", behavior: "instant"}); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })()`, selector), &at)
	return at[0], at[1]
}

// checkQuiet holds that the page wrote no error to the console and asked for nothing
// but itself.
func (b *browser) checkQuiet(name string) {
	b.t.Helper()
	for _, method := range []string{"Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"} {
		for _, m := range b.happened(method) {
			b.t.Errorf("%s: the console has %s: %s", name, method, m.Params)
		}
	}
	for _, m := range b.happened("Network.requestWillBeSent") {
		var p struct{ Request struct{ URL string } }
		if err := json.Unmarshal(m.Params, &p); err != nil {
			b.t.Fatal(err)
		}
		if url := p.Request.URL; !strings.HasPrefix(url, "file://") && url != "data:," || strings.HasPrefix(url, "file://") && !strings.HasSuffix(url, "/report.html") {
			b.t.Errorf("%s: a request leaves the page: %s", name, url)
		}
	}
}
