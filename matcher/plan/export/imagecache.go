package export

import (
	"fmt"
	"strings"
)

// imageCacheSpec is the spec of ECI's ImageCache (eci §4.2).
type imageCacheSpec struct {
	Images           []string `yaml:"images"`
	ImagePullSecrets []string `yaml:"imagePullSecrets,omitempty"`
	ImageCacheSize   int      `yaml:"imageCacheSize"`
	RetentionDays    int      `yaml:"retentionDays,omitempty"`
}

// Annotations of an ImageCache (eci §4.2; the prefix is that of all of ECI's, §4.1).
const (
	reuseAnnotation = eciPrefix + "imc-enable-reuse"
	flashAnnotation = eciPrefix + "imc-enable-flash"
	archAnnotation  = eciPrefix + "imc-cpu-arch"

	eciPrefix = "k8s.aliyun.com/"
)

// imageCaches writes an ImageCache for each cache.
func (e *exporter) imageCaches() ([]byte, error) {
	caches, err := e.caches()
	if err != nil {
		return nil, err
	}
	for _, secret := range e.opt.ImagePullSecrets {
		if namespace, name, _ := strings.Cut(secret, ":"); !isLabel(namespace) || !isSubdomain(name) {
			return nil, fmt.Errorf("secret %q: an ImageCache belongs to no namespace, so write namespace:name", secret) // eci §4.2
		}
	}
	annotations := map[string]any{}
	if arch := e.architecture(); arch != "" {
		annotations[archAnnotation] = arch
	}
	if e.opt.Caches.Reuse {
		annotations[reuseAnnotation] = "true"
	}
	if e.opt.Caches.Flash {
		annotations[flashAnnotation] = "true"
	}
	var s stream
	s.comment(
		"ImageCache resources for ECI, in the order of what the caches gain: the first ones",
		"can be built alone. Building a cache costs money, and so does using it.",
		"",
		"  kubectl create -f FILE      creates them; an ImageCache is not changed once it is there",
		"  kubectl get imagecaches     shows their phase, and with -o yaml the imageCacheId",
		"",
		"The network is that of the cluster's eci-profile, unless annotations say otherwise.")
	taken := names{}
	for i := range caches {
		c := &caches[i]
		lines := []string{cacheLine(i, c)}
		name := taken.of(c.Name, maxLabel)
		if name != c.Name {
			lines = append(lines, "the plan calls it "+said(c.Name))
		}
		s.document(object{
			APIVersion: "eci.alibabacloud.com/v1", Kind: "ImageCache",
			Metadata: metadata{Name: name, Labels: madeBy(), Annotations: annotations},
			Spec: imageCacheSpec{
				Images: cacheImages(c), ImagePullSecrets: e.opt.ImagePullSecrets,
				ImageCacheSize: sizeGiB(c), RetentionDays: e.opt.Caches.RetentionDays,
			},
		}, lines...)
	}
	return s.bytes()
}

// madeBy labels what is made, so that it can be found.
func madeBy() map[string]string {
	return map[string]string{"app.kubernetes.io/managed-by": "cachebench"}
}
