package export_test

import (
	"fmt"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/matcher/plan/export"
)

func Example() {
	p := &plan.Plan{
		Platform: "linux/amd64", Verdict: plan.Build,
		Caches: []plan.PlannedCache{{
			Name: "report-87ba715b", Images: []string{"registry.example.com/batch/report:2026.11"},
			SizeGiB: 20, Apps: []string{"report"}, SavedSeconds: 80 * time.Minute,
		}},
	}
	data, err := export.Render(export.ImageCacheCRD, export.Input{Plan: p}, export.Options{Caches: export.CacheOptions{Reuse: true}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s", data)
	// Output:
	// # ImageCache resources for ECI, in the order of what the caches gain: the first ones
	// # can be built alone. Building a cache costs money, and so does using it.
	// #
	// #   kubectl create -f FILE      creates them; an ImageCache is not changed once it is there
	// #   kubectl get imagecaches     shows their phase, and with -o yaml the imageCacheId
	// #
	// # The network is that of the cluster's eci-profile, unless annotations say otherwise.
	//
	// # 1. saves 80.0 min of startup a month; for report
	// apiVersion: eci.alibabacloud.com/v1
	// kind: ImageCache
	// metadata:
	//   name: report-87ba715b
	//   labels:
	//     app.kubernetes.io/managed-by: cachebench
	//   annotations:
	//     k8s.aliyun.com/imc-enable-reuse: "true"
	// spec:
	//   images:
	//     - registry.example.com/batch/report:2026.11
	//   imageCacheSize: 20
}
