package distribution

import "strings"

// PublicHost is the public name of an Alibaba Cloud registry that is named as inside of
// a VPC or of the classic network; ok is false for any other host. The names differ by
// the end of their first label (Container Registry, "Endpoints", 2026-06):
// registry-vpc.REGION.aliyuncs.com and registry.REGION.aliyuncs.com,
// NAME-registry-vpc.REGION.cr.aliyuncs.com and NAME-registry.REGION.cr.aliyuncs.com.
func PublicHost(host string) (public string, ok bool) {
	label, rest, ok := strings.Cut(host, ".")
	if !ok || !strings.HasSuffix("."+rest, ".aliyuncs.com") {
		return "", false
	}
	for _, end := range []string{"-vpc", "-internal"} {
		if short, ok := strings.CutSuffix(label, end); ok && short != "" {
			return short + "." + rest, true
		}
	}
	return "", false
}
