package workload

import (
	"io"
	"slices"
)

// An ImageUse is an image in Kubernetes objects.
type ImageUse struct {
	// Reference is as it stands there.
	Reference string
	// Where is its first use in words: "Deployment shop/web, container app".
	Where string
	// Line is that use's in the input, from 1.
	Line int
}

// ImagesOf returns the images in the Kubernetes objects of an input, called name
// in errors: each reference once, in order of first appearance, and notes for
// people on what was left out. It reads what Importer reads, by the same rules,
// and the lists of images too that start nothing, such as an ImageCache's.
// Images that are templates, not rendered, are left out, as are old ReplicaSets
// of a controller, scaled to 0.
//
// Errors are a *document.Error where the input is to blame.
func ImagesOf(name string, r io.Reader) (images []ImageUse, said []string, err error) {
	l := imageCollector{seen: map[string]bool{}, others: map[string]int{}}
	if err := readObjects(name, r, l.add); err != nil {
		return nil, nil, err
	}
	l.notes.leftOut(l.others, 0)
	return l.images, l.notes.texts(), nil
}

// An imageCollector collects the images of objects.
type imageCollector struct {
	images []ImageUse
	seen   map[string]bool // references
	others map[string]int  // items without images by kind
	notes  notes
}

func (l *imageCollector) add(o *object) error {
	if images, ok := o.imageList(); ok {
		return l.list(o, images)
	}
	spec, err := o.podSpec()
	if err != nil {
		return err
	}
	if spec != nil {
		return l.pod(o, spec)
	}
	templates, err := o.podTemplates()
	if err != nil {
		return err
	}
	if len(templates) == 0 {
		l.others[o.kindName()]++
		return nil
	}
	var meta metadata
	if err := o.decode("metadata", o.metadata, &meta); err != nil {
		return err
	}
	for _, t := range templates {
		if o.kind == "ReplicaSet" && t.stated && t.replicas == 0 && meta.controller().Name != "" {
			l.notes.note(oldReplicaSets, plain(meta.name()))
			continue
		}
		if err := l.take(o, &meta, t.name, t.spec.images()); err != nil {
			return err
		}
	}
	return nil
}

func (l *imageCollector) list(o *object, images []podImage) error {
	var meta metadata
	if err := o.decode("metadata", o.metadata, &meta); err != nil {
		return err
	}
	return l.take(o, &meta, "", images)
}

// pod takes a pod's images. Most pods have been seen: only for what is new are
// name and lines looked up.
func (l *imageCollector) pod(o *object, spec *podSpec) error {
	images := spec.images()
	if len(images) == 0 {
		l.others[o.kindName()]++
		return nil
	}
	if !slices.ContainsFunc(images, func(i podImage) bool { return !l.seen[i.reference] }) {
		return nil
	}
	var meta metadata
	if err := o.decode("metadata", o.metadata, &meta); err != nil {
		return err
	}
	spec, err := o.located()
	if err != nil {
		return err
	}
	return l.take(o, &meta, "", spec.images())
}

func (l *imageCollector) take(o *object, meta *metadata, part string, images []podImage) error {
	for _, i := range images {
		if l.seen[i.reference] {
			continue
		}
		switch where := i.where(o, meta, part); {
		case isUnrendered(i.reference):
			l.notes.unrenderedImage(o, &i, where)
		case !imageText.MatchString(i.reference):
			return o.fault(i.line, "%s: %q is not an image reference", where, i.reference)
		default:
			l.seen[i.reference] = true
			l.images = append(l.images, ImageUse{Reference: i.reference, Where: where, Line: i.line})
		}
	}
	return nil
}
