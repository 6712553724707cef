package export

import "fmt"

// The parts of OpenKruise's ImageListPullJob (openkruise/kruise,
// config/crd/bases/apps.kruise.io_imagelistpulljobs.yaml, v1alpha1, as of commit
// 105d5660c4b3cda3f57742526573d234e2854501) that are used.
type (
	pullJobSpec struct {
		Images           []string         `yaml:"images"`
		Parallelism      int              `yaml:"parallelism"`
		Selector         labelSelector    `yaml:"selector"`
		CompletionPolicy completionPolicy `yaml:"completionPolicy"`
		PullPolicy       pullPolicy       `yaml:"pullPolicy"`
		PullSecrets      []string         `yaml:"pullSecrets,omitempty"`
	}
	completionPolicy struct {
		Type string `yaml:"type"`
	}
	pullPolicy struct {
		BackoffLimit   int `yaml:"backoffLimit"`
		TimeoutSeconds int `yaml:"timeoutSeconds"`
	}
)

const (
	// maxJobImages is the most images of a job (openkruise/kruise,
	// pkg/webhook/imagelistpulljob/validating).
	maxJobImages = 255
	// A pull is tried 3 times, as is OpenKruise's default, each within half an hour,
	// where its default of 10 min would not do for images of many gigabytes.
	pullTries          = 3
	pullTimeoutSeconds = 1800
)

// pullJobs writes an ImageListPullJob for each pool, more where it has too many images.
func (e *exporter) pullJobs() ([]byte, error) {
	pools, err := e.pools(PrePull)
	if err != nil {
		return nil, err
	}
	secrets, err := e.secretNames()
	if err != nil {
		return nil, err
	}
	parallelism := e.opt.Nodes.Parallelism
	if parallelism == 0 {
		parallelism = defaultParallelism
	}
	var s stream
	s.comment(
		"ImageListPullJobs for OpenKruise: it pulls the images to the nodes of each pool, at most",
		"parallelism nodes at once for each image, to new nodes too, and looks every day whether",
		"they are still there (completionPolicy Never).",
		"",
		"OpenKruise 1.5 and newer have such jobs only with the feature gate ImagePullJobGate.",
		"Delete a job before an image is to go from the nodes. Nothing keeps the kubelet's garbage",
		"collection from removing images while no pod uses them.",
		"",
		"  kubectl apply -f FILE")
	taken := names{}
	for i := range pools {
		labels, err := e.nodeLabels(&pools[i])
		if err != nil {
			return nil, err
		}
		images := e.pulled(&pools[i])
		for part := 0; part*maxJobImages < len(images); part++ {
			name := "prepull-" + pools[i].Name
			if part > 0 {
				name += fmt.Sprintf("-%d", part+1)
			}
			some := images[part*maxJobImages : min((part+1)*maxJobImages, len(images))]

			s.document(object{
				APIVersion: "apps.kruise.io/v1alpha1", Kind: "ImageListPullJob",
				Metadata: metadata{Name: taken.of(name, maxLabel), Namespace: e.opt.Namespace, Labels: madeBy()},
				Spec: pullJobSpec{
					Images: some, Parallelism: parallelism, Selector: labelSelector{labels}, PullSecrets: secrets,
					CompletionPolicy: completionPolicy{"Never"}, PullPolicy: pullPolicy{pullTries, pullTimeoutSeconds},
				},
			}, e.about(&pools[i], some)...)
		}
	}
	return s.bytes()
}
