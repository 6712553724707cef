package matcher

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/workload"
)

// ServiceAnswersKind is the kind of saved answers of the service.
const ServiceAnswersKind = "ServiceAnswers"

// MaxMatchImages is how many images one question may name (eci §2.5).
const MaxMatchImages = 100

// ServiceAnswers are what ECI itself says matches: answers of DescribeImageCaches
// with MatchImage.
type ServiceAnswers struct {
	Answers []ServiceAnswer `json:"answers"`
}

// ServiceAnswer is one question and its answer. The reply has no field for a rank:
// the order counts (eci §2.5).
type ServiceAnswer struct {
	// App is the workload's app that was asked about, or any name where Images
	// stand.
	App string `json:"app,omitempty"`
	// Images are those asked about (MatchImage.N); absent, all images of App.
	Images []string `json:"images,omitempty"`
	// FullMatch and MatchCount are what else was asked: ImageFullMatch and
	// ImageMatchCountRequest.
	FullMatch  bool `json:"imageFullMatch,omitempty"`
	MatchCount int  `json:"imageMatchCountRequest,omitempty"`
	// Region is the one asked; empty matches caches of any.
	Region string `json:"region,omitempty"`
	// AskedAt is the time as of which ours is compared; absent, the run's.
	AskedAt time.Time `json:"askedAt,omitzero"`
	// CacheIDs are the caches that the service named, best first; None says that
	// it named none.
	CacheIDs []string `json:"cacheIds,omitempty"`
	None     bool     `json:"none,omitempty"`
	// Reply is the service's reply as it came, instead of CacheIDs:
	// {"ImageCaches": [{"ImageCacheId": …}, …]}. Other keys are not looked at.
	Reply document.Raw `json:"reply,omitzero"`
}

// ReadServiceAnswers reads answers from the bytes of the file called name, with
// CacheIDs in place of replies.
func ReadServiceAnswers(name string, data []byte) (*ServiceAnswers, error) {
	var s ServiceAnswers
	if err := document.Read(name, data, ServiceAnswersKind, &s); err != nil {
		return nil, err
	}
	for i := range s.Answers {
		if a := &s.Answers[i]; !a.Reply.IsZero() {
			if err := a.takeReply(); err != nil {
				return nil, err
			}
		}
	}
	return &s, nil
}

// Validate reports a list without answers, questions about nothing or too much,
// and answers that say nothing or two things.
func (s *ServiceAnswers) Validate() error {
	if len(s.Answers) == 0 {
		return document.At("answers", "no answer is listed: save what DescribeImageCaches replies to MatchImage")
	}
	for i := range s.Answers {
		if path, fault := s.Answers[i].fault(); fault != "" {
			return document.At(fmt.Sprintf("answers[%d]%s", i, path), "%s", fault)
		}
	}
	return nil
}

// fault says what is wrong with an answer, and in which of its keys.
func (a *ServiceAnswer) fault() (path, fault string) {
	said := 0
	for _, given := range []bool{len(a.CacheIDs) > 0, a.None, !a.Reply.IsZero()} {
		if given {
			said++
		}
	}
	switch {
	case a.App == "" && len(a.Images) == 0:
		return "", "it does not say what was asked: give app or images"
	case len(a.Images) > MaxMatchImages:
		return ".images", fmt.Sprintf("%d images are named: one question takes %d", len(a.Images), MaxMatchImages) // eci §2.5
	case a.MatchCount < 0:
		return ".imageMatchCountRequest", fmt.Sprintf("%d is below 0", a.MatchCount)
	case said == 0:
		return "", "it does not say what the service named: give cacheIds, best first, or none: true, or its reply"
	case said > 1:
		return "", "it says twice what the service named: give one of cacheIds, none and reply"
	}
	for i, id := range a.CacheIDs {
		if id == "" || slices.Contains(a.CacheIDs[:i], id) {
			return fmt.Sprintf(".cacheIds[%d]", i), fmt.Sprintf("%q is no further cache: name each once", id)
		}
	}
	return "", ""
}

// takeReply reads the IDs from the service's own JSON. Keys are taken in any
// case and unknown ones passed over: the documents spell them in two ways and
// the service adds some (eci §0 point 4).
func (a *ServiceAnswer) takeReply() error {
	raw, err := a.Reply.MarshalJSON()
	var reply struct {
		Code, Message string
		ImageCaches   *[]struct{ ImageCacheID string }
	}
	if err == nil {
		err = json.Unmarshal(raw, &reply)
	}
	switch {
	case err != nil:
		return a.Reply.At("", "it is no reply of DescribeImageCaches: %v", err)
	case reply.ImageCaches == nil && reply.Code != "":
		return a.Reply.At("", "the service refused the question (%s: %s): ask again", reply.Code, reply.Message)
	case reply.ImageCaches == nil:
		return a.Reply.At("", "it has no ImageCaches: save the whole reply of DescribeImageCaches")
	}
	for i, c := range *reply.ImageCaches {
		if c.ImageCacheID == "" || slices.Contains(a.CacheIDs, c.ImageCacheID) {
			return a.Reply.At(fmt.Sprintf("ImageCaches[%d]", i), "its ImageCacheId %q is absent or stands twice", c.ImageCacheID)
		}
		a.CacheIDs = append(a.CacheIDs, c.ImageCacheID)
	}
	a.None, a.Reply = len(a.CacheIDs) == 0, document.Raw{}
	return nil
}

// For returns the answers with the images that each was asked about: where it
// names none, those of the app. It fails on an app that is not among them.
func (s *ServiceAnswers) For(apps []workload.App) ([]ServiceAnswer, error) {
	answers := slices.Clone(s.Answers)
	for i := range answers {
		a := &answers[i]
		if len(a.Images) > 0 {
			continue
		}
		k := slices.IndexFunc(apps, func(app workload.App) bool { return app.Name == a.App })
		if k < 0 {
			return nil, fmt.Errorf("answers[%d] is about app %q, which the workload lacks: give the images that were asked about", i, a.App)
		}
		a.Images = apps[k].AllImages()
	}
	return answers, nil
}

// name is what an answer is called in a report.
func (a *ServiceAnswer) name() string {
	if a.App == "" {
		return a.Images[0]
	}
	return a.App
}

// group is the question as a container group. The question has no place for
// storage, platform, pull policy or which images are init containers': those are
// a plain instance's.
func (a *ServiceAnswer) group() Group {
	return Group{Name: a.name(), Images: a.Images, Region: a.Region, PerfectMatch: a.FullMatch, MatchCount: a.MatchCount}
}
