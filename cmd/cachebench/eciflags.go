package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/eci"
)

// eciFlags are the flags of commands that call ECI: where it is, and in which network,
// from which registries and under which tags what they make pulls its images. There is
// no flag for an access key: the SDK's chain finds one (eci §2.9).
type eciFlags struct {
	io               *streams
	region, endpoint string
	// plainHTTP allows an endpoint without TLS on another machine.
	plainHTTP bool
	// quiet is the command's flag; nil where it has none.
	quiet *bool

	zone, securityGroup, resourceGroup, eip string
	vSwitches                               []string
	acrTexts, tagTexts, loginTexts          []string
	plainHTTPHosts, insecureHosts           []string
}

// endpointVariable is where tests and demos say which endpoint to call.
const endpointVariable = "CACHEBENCH_ECI_ENDPOINT"

// addFlags adds the flags of the connection.
func (e *eciFlags) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&e.region, "region", "", "`region` such as cn-hangzhou (default: from ALIBABA_CLOUD_REGION_ID)")
	f.StringVar(&e.endpoint, "endpoint", "", "call this `URL` or host in place of eci.REGION.aliyuncs.com (default: from "+endpointVariable+")")
	f.BoolVar(&e.plainHTTP, "plain-http-endpoint", false, "let the endpoint be http:// on another machine, where all between may read what is sent, registry passwords too")
	onCommandLineOnly(f, "plain-http-endpoint")
}

// addPlaceFlags adds the flags of the network and of the registries.
func (e *eciFlags) addPlaceFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&e.vSwitches, "vswitch", nil, "`ID` of a vSwitch, vsw-…; up to 10, of several zones")
	f.StringVar(&e.securityGroup, "security-group", "", "`ID` of the security group, sg-…")
	f.StringVar(&e.zone, "zone", "", "`zone`, such as cn-hangzhou-k")
	f.StringVar(&e.resourceGroup, "resource-group", "", "`ID` of the resource group, rg-…")
	f.StringVar(&e.eip, "eip", "", "`ID` of an elastic IP address, eip-…, for pulls from the internet")
	f.StringArrayVar(&e.acrTexts, "acr", nil, "pull without a password from this ACR Enterprise Edition instance, as `KEY=VALUE,...`: instanceId, instanceName, regionId, domain (several times), arnService, arnUser; repeatable")
	f.StringArrayVar(&e.loginTexts, "registry-login", nil, "hand ECI the login of a registry, as `HOST[=env:VARIABLE|file:PATH]`, USER:PASSWORD there (default: from docker login); repeatable")
	f.StringSliceVar(&e.plainHTTPHosts, "plain-http-registry", nil, "`host` of a registry from which ECI pulls without TLS; repeatable")
	f.StringSliceVar(&e.insecureHosts, "insecure-registry", nil, "`host` of a registry whose certificate ECI does not check; repeatable")
	f.StringArrayVar(&e.tagTexts, "tag", nil, "tag, as `KEY=VALUE`; up to 20")
	onCommandLineOnly(f, "tag", "eip", "zone", "acr", "registry-login")
}

// client makes a client of the flags; no call is made. Others change how it calls.
func (e *eciFlags) client(others ...func(*eci.Config)) (*eci.Client, error) {
	c, err := e.clientIn(e.region, others)
	if errors.Is(err, eci.ErrNoRegion) {
		return nil, usagef("which region? give --region, such as cn-hangzhou, or set ALIBABA_CLOUD_REGION_ID")
	}
	return c, err
}

// clientOf makes a client for what a file wants: the region that it states counts
// where neither flag nor environment gives one, and must be theirs where they do, for a
// file that is applied in the wrong region costs twice.
func (e *eciFlags) clientOf(file, region string, others ...func(*eci.Config)) (*eci.Client, error) {
	if region == "" {
		return e.client(others...)
	}
	c, err := e.clientIn(e.region, others)
	if errors.Is(err, eci.ErrNoRegion) {
		if c, err = e.clientIn(region, others); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if err == nil && region != c.RegionID() {
		return nil, usagef("%s is for region %s, and the region is %s: give the right --region", file, region, c.RegionID())
	}
	return c, err
}

// clientIn makes a client of a region; of the environment's where it is empty.
func (e *eciFlags) clientIn(region string, others []func(*eci.Config)) (*eci.Client, error) {
	config := e.config(region)
	for _, other := range others {
		other(&config)
	}
	c, err := eci.New(config)
	return c, refused(err)
}

// config is how the flags say that ECI is called.
func (e *eciFlags) config(region string) eci.Config {
	return eci.Config{
		RegionID: region, Endpoint: cmp.Or(e.endpoint, os.Getenv(endpointVariable)), PlainHTTP: e.plainHTTP,
		UserAgent: "cachebench/" + cachebench.Version, Logger: e.logger(),
	}
}

// refused makes what the client does not even send a fault of the command line.
func refused(err error) error {
	var e *eci.Error
	if errors.As(err, &e) && e.Field == "endpoint" && e.Advice != "" {
		e.Advice += ", or --plain-http-endpoint where nobody else is on the way"
	}
	if errors.As(err, &e) && e.Kind == eci.ErrInvalid && e.HTTPStatus == 0 {
		return usageError{err}
	}
	return err
}

// tags are those of --tag.
func (e *eciFlags) tags() ([]eci.Tag, error) { return tagsOf("--tag", e.tagTexts) }

func tagsOf(flag string, texts []string) ([]eci.Tag, error) {
	var tags []eci.Tag
	seen := make(map[string]bool)
	for _, text := range texts {
		key, value, _ := strings.Cut(text, "=")
		if key == "" {
			return nil, usagef("%s %q is not of the form KEY=VALUE", flag, text)
		}
		if seen[key] {
			return nil, usagef("%s gives %s twice: a key has one value", flag, key)
		}
		seen[key] = true
		tags = append(tags, eci.Tag{Key: key, Value: value})
	}
	return tags, nil
}
