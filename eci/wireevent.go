package eci

// wireEvent is an event in the forms of all calls that give any (eci §2.5, §2.7).
type wireEvent struct {
	Type               wireText
	Reason             wireText
	Name               wireText
	Message            wireText
	Count              wireNumber
	FirstTimestamp     wireTime
	LastTimestamp      wireTime
	ReportingComponent wireText
	ReportingInstance  wireText
	Source             *wireSource
	Metadata           *wireObject
	InvolvedObject     *wireObject
}

type wireSource struct{ Component, Host wireText }

type wireObject struct{ Kind, Name wireText }

func (w wireEvent) event() Event {
	e := Event{
		Type: string(w.Type), Reason: string(w.Reason), Name: string(w.Name), Message: string(w.Message),
		Count: w.Count.int(), FirstAt: w.FirstTimestamp.Time, LastAt: w.LastTimestamp.Time,
		Component: string(w.ReportingComponent), Host: string(w.ReportingInstance),
	}
	if w.Source != nil {
		e.Component, e.Host = or(w.Source.Component, e.Component), or(w.Source.Host, e.Host)
	}
	if w.Metadata != nil {
		e.Name = or(wireText(e.Name), string(w.Metadata.Name))
	}
	if w.InvolvedObject != nil {
		e.ObjectKind, e.ObjectName = string(w.InvolvedObject.Kind), string(w.InvolvedObject.Name)
	}
	return e
}

func or(text wireText, other string) string {
	if text != "" {
		return string(text)
	}
	return other
}

type wireTag struct{ Key, Value wireText }

func (w wireTag) tag() Tag { return Tag{string(w.Key), string(w.Value)} }
