package ecitest

import (
	"math"
	"strings"
)

// Parameters of CreateContainerGroup on which nothing depends here. Where their values
// have a form it is checked, so that a caller who encodes one wrongly is told; volumes,
// probes and the like, of which the fact sheet has no values, must be well-formed lists
// and have the fields that the API's definition gives them, or begin as those do.
var (
	unusedLists = []string{"Volume", "HostAliase", "NtpServer", "Arn", "DnsConfig.NameServer", "DnsConfig.Search", "DnsConfig.Option", "HostSecurityContext.Sysctl"}
	unusedTexts = []string{
		"DnsPolicy", "RamRoleName", "VSwitchStrategy", "EipISP", "EipCommonBandwidthPackage", "HostName", "CorePattern", "DataCacheBucket", "DataCachePL",
		"PrivateIpAddress", "GpuDriverVersion", "FailoverStrategy", "Ipv6GatewayBandwidth", "CpuOptionsNuma",
	}
	unusedFlags = []string{
		"SlsEnable", "StrictSpot", "AutoCreateEip", "ShareProcessNamespace", "DataCacheBurstingEnabled", "FixedIp", "ContainerResourceView", "Ipv6GatewayBandwidthEnable",
	}
	unusedNumbers = []string{
		"Ipv6AddressCount", "EipBandwidth", "FixedIpRetainHour", "DataCacheProvisionedIops", "IngressBandwidth", "EgressBandwidth", "CpuOptionsCore", "CpuOptionsThreadsPerCore",
	}
)

// checkUnused reads them, and refuses values that cannot be (eci §1.13, §2.6, §4.1).
func checkUnused(p *parameters) {
	p.choice("ImageAccelerateMode", "nydus", "dadi", "p2p", "imc")
	p.choice("ScheduleStrategy", "VSwitchOrdered", "VSwitchRandom")
	p.integer("TerminationGracePeriodSeconds", 0, math.MaxInt32, 0)
	p.integer("MaxPendingMinute", minPending, maxPending, 0)
	p.number("SpotPriceLimit", 0)
	p.integer("SpotDuration", 0, math.MaxInt32, 0)
	p.list("ComputeCategory", maxListedVars)
	hostsOf(p, "PlainHttpRegistry")
	hostsOf(p, "InsecureRegistry")
	for _, name := range unusedTexts {
		p.text(name)
	}
	for _, name := range unusedFlags {
		p.flag(name)
	}
	for _, name := range unusedNumbers {
		p.integer(name, 0, math.MaxInt32, 0)
	}
	for _, name := range unusedLists {
		p.elements(name, maxListedVars)
		p.accept(name + ".*")
	}
}

// How many minutes a group may be pending (eci §4.1).
const minPending, maxPending = 10, 1440

// checkUnusedOf does so for a container's.
func checkUnusedOf(p *parameters, at func(string) string) {
	for _, name := range []string{"Tty", "Stdin", "StdinOnce", "EnvironmentVarHide"} {
		p.flag(at(name))
	}
	p.integer(at("Gpu"), 0, math.MaxInt32, 0)
	p.text(at("WorkingDir"))
	p.elements(at("VolumeMount"), maxListedVars)
	p.accept(at("VolumeMount.*"), at("LivenessProbe.*"), at("ReadinessProbe.*"), at("SecurityContext.*"), at("TerminationMessagePath"), at("TerminationMessagePolicy"), at("LifecyclePostStartHandler*"), at("LifecyclePreStopHandler*"))
}

// hostsOf refuses what is no list of hosts with commas between (eci §2.2).
func hostsOf(p *parameters, name string) {
	text := p.text(name)
	if text == "" {
		return
	}
	for host := range strings.SplitSeq(text, ",") {
		if host == "" || strings.ContainsAny(host, "/ ") {
			p.refuse(invalid(name, "%q is no host without scheme and path", host))
		}
	}
}
