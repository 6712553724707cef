package eci

import (
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"
)

// regionVariables are where a region is looked for, the program's own first.
var regionVariables = []string{"CACHEBENCH_REGION", "ALIBABA_CLOUD_REGION_ID", "ALIBABA_CLOUD_REGION"}

// regionForm is what the SDK accepts (eci §2.9), in the lower case of host names.
var regionForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

func regionOf(given string) (string, error) {
	region := given
	for _, variable := range regionVariables {
		if region == "" {
			region = strings.TrimSpace(os.Getenv(variable))
		}
	}
	if region == "" {
		return "", &Error{Kind: ErrNoRegion, Advice: "give one, such as cn-hangzhou, or set " + strings.Join(regionVariables, " or ")}
	}
	if !regionForm.MatchString(region) {
		return "", &Error{Kind: ErrInvalid, Field: "region", Problem: quote(region) + " is not the ID of a region, such as cn-hangzhou"}
	}
	return region, nil
}

// endpoint is where requests go.
type endpoint struct{ scheme, host string }

func (e endpoint) String() string { return e.scheme + "://" + e.host }

// endpointOf reads an endpoint. What it refuses it does not repeat: a URL may
// hold a password.
func endpointOf(given, region string, plain bool) (endpoint, error) {
	if given == "" {
		return endpoint{"https", "eci." + region + ".aliyuncs.com"}, nil // eci §2.8
	}
	if !strings.Contains(given, "://") {
		given = "https://" + given
	}
	u, err := url.Parse(given)
	scheme := ""
	if err == nil {
		scheme = strings.ToLower(u.Scheme)
	}
	if err != nil || scheme != "https" && scheme != "http" || u.Hostname() == "" || u.User != nil ||
		u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return endpoint{}, &Error{Kind: ErrInvalid, Field: "endpoint",
			Problem: "not a host, host:port or URL of HTTP or HTTPS without user, path and query"}
	}
	if scheme == "http" && !plain && !Loopback(u.Hostname()) {
		return endpoint{}, &Error{Kind: ErrInvalid, Field: "endpoint",
			Problem: "HTTP without TLS is for this machine only: requests have passwords in them", Advice: "give https://"}
	}
	return endpoint{scheme, u.Host}, nil
}

// Loopback says whether a host of an endpoint is this machine: to others requests go by
// HTTPS, unless Config allows plain HTTP.
func Loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
