package ecitest

// tags are those of a resource, in the order of the request.
type tags []tag

type tag struct{ key, value string }

// maxTags is the most of one resource (eci §2.2).
const maxTags = 20

func tagsOf(p *parameters) tags {
	var all tags
	for _, prefix := range p.objects("Tag", maxTags) {
		all = append(all, tag{p.required(prefix + ".Key"), p.text(prefix + ".Value")})
	}
	return all
}

// have says whether all of the tags that are asked for are there; one without a
// value takes any.
func (t tags) have(wanted tags) bool {
	own := t.asMap()
	for _, w := range wanted {
		if value, ok := own[w.key]; !ok || w.value != "" && value != w.value {
			return false
		}
	}
	return true
}

func (t tags) asMap() map[string]string {
	all := make(map[string]string, len(t))
	for _, tag := range t {
		all[tag.key] = tag.value
	}
	return all
}

func (t tags) objects() []object {
	all := []object{}
	for _, tag := range t {
		all = append(all, object{"Key": tag.key, "Value": tag.value})
	}
	return all
}
