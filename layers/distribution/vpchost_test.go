package distribution

import "testing"

// TestPublicHost: the hosts of Container Registry's pages, of both editions, and of ACK.
func TestPublicHost(t *testing.T) {
	for _, test := range []struct{ host, want string }{
		{"registry-vpc.cn-hangzhou.aliyuncs.com", "registry.cn-hangzhou.aliyuncs.com"},
		{"registry-internal.cn-hangzhou.aliyuncs.com", "registry.cn-hangzhou.aliyuncs.com"},
		{"shop-registry-vpc.cn-shanghai.cr.aliyuncs.com", "shop-registry.cn-shanghai.cr.aliyuncs.com"},
		{"crpi-abc123-vpc.cn-beijing.personal.cr.aliyuncs.com", "crpi-abc123.cn-beijing.personal.cr.aliyuncs.com"},
		{"registry-cn-hangzhou-vpc.ack.aliyuncs.com", "registry-cn-hangzhou.ack.aliyuncs.com"},
		{"registry.cn-hangzhou.aliyuncs.com", ""},
		{"registry-vpc.example.com", ""},
		{"registry-vpc.aliyuncs.com.example.com", ""},
		{"notaliyuncs.com", ""},
		{"-vpc.cn-hangzhou.aliyuncs.com", ""},
		{"localhost:5000", ""},
	} {
		got, ok := PublicHost(test.host)
		if got != test.want || ok != (test.want != "") {
			t.Errorf("PublicHost(%s) is %q, %v, want %q", test.host, got, ok, test.want)
		}
	}
}

// TestOutsideAdvice: a host that only a VPC reaches is told with the flag that helps.
func TestOutsideAdvice(t *testing.T) {
	const advice = "check the network"
	if got, want := outsideAdvice("registry-vpc.cn-hangzhou.aliyuncs.com", advice), "only a VPC reaches it; from outside of it give --registry-alias registry-vpc.cn-hangzhou.aliyuncs.com=registry.cn-hangzhou.aliyuncs.com"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := outsideAdvice("registry.example.com", advice); got != advice {
		t.Errorf("got %q, want %q", got, advice)
	}
}
