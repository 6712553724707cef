package export

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/cachebench/cachebench/internal/document"
)

// CacheParameters are the parameters of a cache's creation that a plan does not decide:
// where ECI builds it and how it reaches the registries (eci §2.2). What is absent is
// taken from CacheSet.Defaults, else it is not sent; flags of a command override both.
type CacheParameters struct {
	// OSType of the images, Linux if absent; Windows is by invitation.
	OSType string `json:"osType,omitempty" document:"enum=Linux|Windows"`
	// StandardCopyCount is the number of regular snapshots, FlashCopyCount that of local
	// ones: one for every 1,000 instances started at once (eci §1.6).
	StandardCopyCount int `json:"standardCopyCount,omitempty"`
	FlashCopyCount    int `json:"flashCopyCount,omitempty"`
	// SecurityGroupID, VSwitchIDs (up to 10, of several zones) and ZoneID are where the
	// helper instance runs.
	SecurityGroupID string   `json:"securityGroupId,omitempty"`
	VSwitchIDs      []string `json:"vSwitchIds,omitempty"`
	ZoneID          string   `json:"zoneId,omitempty"`
	ResourceGroupID string   `json:"resourceGroupId,omitempty"`
	// EIPInstanceID is an elastic IP address for pulls from the internet.
	EIPInstanceID string `json:"eipInstanceId,omitempty"`
	// Tags are by key.
	Tags map[string]string `json:"tags,omitempty"`
	// PlainHTTPRegistries are hosts without TLS, InsecureRegistries those whose
	// certificate is not checked.
	PlainHTTPRegistries []string `json:"plainHTTPRegistries,omitempty"`
	InsecureRegistries  []string `json:"insecureRegistries,omitempty"`
	// ACR are instances of ACR Enterprise Edition to pull from without a password.
	ACR []ACRInstance `json:"acr,omitempty"`
	// RegistryLogins say where logins are. No password stands in this file.
	RegistryLogins []RegistryLogin `json:"registryLogins,omitempty"`
}

// ACRInstance is an instance of ACR Enterprise Edition (AcrRegistryInfo, eci §2.2).
type ACRInstance struct {
	// InstanceID is cri-… .
	InstanceID   string `json:"instanceId" document:"required"`
	InstanceName string `json:"instanceName,omitempty"`
	// RegionID is the instance's where it is another than the cache's.
	RegionID string `json:"regionId,omitempty"`
	// Domains are its own domain names.
	Domains []string `json:"domains,omitempty"`
	// ARNService and ARNUser are the roles for an instance of another account; an update
	// cannot state them (eci §2.3).
	ARNService string `json:"arnService,omitempty"`
	ARNUser    string `json:"arnUser,omitempty"`
}

// RegistryLogin says where the login of a registry is found when it is needed.
type RegistryLogin struct {
	// Server is the registry's host.
	Server string `json:"server" document:"required"`
	// From is docker (docker login and its helpers, the default), env:VARIABLE or
	// file:PATH; the variable or the file's first line holds USER:PASSWORD.
	From string `json:"from,omitempty"`
}

// With are the parameters with those of others for what they lack; tags of both, one
// by one.
func (p CacheParameters) With(others CacheParameters) CacheParameters {
	fill(&p.OSType, others.OSType)
	fill(&p.StandardCopyCount, others.StandardCopyCount)
	fill(&p.FlashCopyCount, others.FlashCopyCount)
	fill(&p.SecurityGroupID, others.SecurityGroupID)
	fill(&p.ZoneID, others.ZoneID)
	fill(&p.ResourceGroupID, others.ResourceGroupID)
	fill(&p.EIPInstanceID, others.EIPInstanceID)
	fillList(&p.VSwitchIDs, others.VSwitchIDs)
	fillList(&p.PlainHTTPRegistries, others.PlainHTTPRegistries)
	fillList(&p.InsecureRegistries, others.InsecureRegistries)
	fillList(&p.ACR, others.ACR)
	fillList(&p.RegistryLogins, others.RegistryLogins)
	tags := make(map[string]string, len(p.Tags)+len(others.Tags))
	for _, from := range []map[string]string{others.Tags, p.Tags} {
		for key, value := range from {
			tags[key] = value
		}
	}
	if p.Tags = tags; len(tags) == 0 {
		p.Tags = nil
	}
	return p
}

func fill[T comparable](to *T, from T) {
	var none T
	if *to == none {
		*to = from
	}
}

func fillList[T any](to *[]T, from []T) {
	if len(*to) == 0 {
		*to = slices.Clone(from)
	}
}

// Check reports what the service would refuse.
func (p *CacheParameters) Check() error { return p.check("") }

// check reports, under a path, what the service would refuse.
func (p *CacheParameters) check(at string) error {
	for _, copies := range []struct {
		key   string
		count int
	}{{"standardCopyCount", p.StandardCopyCount}, {"flashCopyCount", p.FlashCopyCount}} {
		if copies.count < 0 {
			return document.At(at+copies.key, "%d copies: it is 1 or more", copies.count)
		}
	}
	for i, login := range p.RegistryLogins {
		how, where, _ := strings.Cut(login.From, ":")
		if login.From != "" && login.From != "docker" && (where == "" || how != "env" && how != "file") {
			return document.At(fmt.Sprintf("%sregistryLogins[%d].from", at, i), "it is docker, env:VARIABLE or file:PATH; no password stands in this file")
		}
	}
	return nil
}

// YAML is a document of the project's own in YAML.
func YAML(kind string, v any) ([]byte, error) {
	n, err := yamlOf(kind, v)
	if err != nil {
		return nil, err
	}
	var s stream
	s.document(&yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{n}})
	return s.bytes()
}
