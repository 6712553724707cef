package ecitest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds a form.
const maxBody = 4 << 20

// answer is what goes back on the wire.
type answer struct {
	status int
	body   []byte
	// drop closes the connection instead, hang waits for the caller to do so; cut
	// closes it in the middle of the body.
	drop, hang, cut bool
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	a := s.answer(r, r.ParseForm())
	if a.hang {
		<-r.Context().Done()
	}
	if a.drop || a.hang {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json;charset=utf-8")
	h.Set("Date", s.opt.SignatureTime().Add(s.skew()).UTC().Format(http.TimeFormat))
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	if a.cut {
		w.Write(a.body[:len(a.body)/2])
		panic(http.ErrAbortHandler)
	}
	w.Write(a.body)
}

// skew is how far the server's time is off, for the Date of an answer.
func (s *Server) skew() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults.skew()
}

// answer does a request and says what goes back; unreadable says that its parameters
// could not be read.
func (s *Server) answer(r *http.Request, unreadable error) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opt.Clock.Request()
	c := &call{ctx: context.WithoutCancel(r.Context()), action: r.Form.Get("Action"), now: s.opt.Clock.Now(), given: parse(r.Form)}
	c.request = s.requestID()
	body, refused := any(nil), (*refusal)(nil)
	if unreadable != nil {
		refused = refuse(http.StatusBadRequest, codeInvalid, "The parameters cannot be read: %v", unreadable)
	} else {
		body, refused = s.do(c, r.Method, r.Form)
	}
	a := answer{status: http.StatusOK}
	if refused != nil {
		a.status = refused.status
		body = map[string]string{
			"RequestId": c.request, "HostId": "eci." + c.region + ".aliyuncs.com", "Code": refused.code, "Message": refused.message,
			"Recommend": "https://api.example.invalid/troubleshoot?q=" + url.QueryEscape(refused.code),
		}
	}
	if m, ok := body.(object); ok {
		m["RequestId"] = c.request
	}
	a.body = s.encode(body)
	s.spoil(&a, c)
	s.log.add(c, refused, a)
	return a
}

// do does a call: the gateway's checks, then the action.
func (s *Server) do(c *call, method string, form url.Values) (any, *refusal) {
	s.settle(c.now)
	c.region = c.given.text("RegionId")
	do, ok := actions()[c.action]
	switch {
	case method != http.MethodGet && method != http.MethodPost:
		return nil, refuse(http.StatusMethodNotAllowed, "UnsupportedHTTPMethod", "This http method is not supported.")
	case !ok:
		return nil, refuse(http.StatusNotFound, codeNoAction, "Specified api is not found, please check your url and method.")
	case form.Get("Version") != version:
		return nil, refuse(http.StatusBadRequest, "InvalidVersion", "Specified parameter Version is not valid.")
	case form.Get("Format") != "" && !strings.EqualFold(form.Get("Format"), "JSON"):
		return nil, refuse(http.StatusBadRequest, "InvalidFormat", "Specified parameter Format is not valid: this server writes JSON.")
	}
	if refused := s.authenticate(method, form); refused != nil {
		return nil, refused
	}
	c.fault = s.faults.pick(c.action)
	if refused := c.fault.refusal(); refused != nil {
		return nil, refused
	}
	if !s.allowed(c.action, c.now) {
		return nil, throttled()
	}
	if c.fault.is(FaultAccount) {
		s.account = c.fault.Account
	}
	if refused := s.account.refusal(c.action); refused != nil {
		return nil, refused
	}
	if refused := s.checkRegion(c); refused != nil {
		return nil, refused
	}
	if c.fault.unreached() {
		return nil, nil
	}
	return s.once(c, do)
}

// version is that of the API (eci §2.1).
const version = "2018-08-08"

// requestID is in the form of the service's.
func (s *Server) requestID() string {
	a, b := s.requests.Uint64(), s.requests.Uint64()
	return fmt.Sprintf("%08X-%04X-%04X-%04X-%012X", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
}

// newID is an ID of a prefix (eci §1.11) and 17 characters, as the service's are.
func (s *Server) newID(prefix string) string {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyz"
	var id [17]byte
	for i := range id {
		id[i] = letters[s.ids.IntN(len(letters))]
	}
	return prefix + "-" + string(id[:])
}

// draw is the seed of the draws of what is made next: it depends on what was made
// before, not on how often somebody looked.
func (s *Server) draw() uint64 { return s.ids.Uint64() }

// encode writes an answer. Its keys are those of the documentation; map keys come
// in order, so that the same answer has the same bytes.
func (s *Server) encode(body any) []byte {
	data, err := json.Marshal(body)
	if err != nil {
		// All bodies are maps and structs of texts and numbers.
		panic(err)
	}
	if !s.opt.LowerCamelEvents {
		return data
	}
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		panic(err)
	}
	lowerEvents(tree, false)
	data, err = json.Marshal(tree)
	if err != nil {
		panic(err)
	}
	return data
}

// lowerEvents rewrites the keys below Events.
func lowerEvents(tree any, inside bool) {
	switch t := tree.(type) {
	case []any:
		for _, e := range t {
			lowerEvents(e, inside)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(t)) {
			value := t[key]
			lowerEvents(value, inside || key == "Events")
			if inside && key != "" {
				delete(t, key)
				t[strings.ToLower(key[:1])+key[1:]] = value
			}
		}
	}
}
