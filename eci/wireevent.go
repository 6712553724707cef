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
	Source             wireObject[wireSource]
	Metadata           wireObject[wireNamed]
	InvolvedObject     wireObject[wireNamed]
}

type wireSource struct{ Component, Host wireText }

type wireNamed struct{ Kind, Name wireText }

func (w wireEvent) event() Event {
	source, metadata, about := w.Source.get(), w.Metadata.get(), w.InvolvedObject.get()
	return Event{
		Type: string(w.Type), Reason: string(w.Reason), Name: or(w.Name, string(metadata.Name)), Message: string(w.Message),
		Count: w.Count.int(), FirstAt: w.FirstTimestamp.Time, LastAt: w.LastTimestamp.Time,
		Component: or(source.Component, string(w.ReportingComponent)), Host: or(source.Host, string(w.ReportingInstance)),
		ObjectKind: string(about.Kind), ObjectName: string(about.Name),
	}
}

func or(text wireText, other string) string {
	if text != "" {
		return string(text)
	}
	return other
}

type wireTag struct{ Key, Value wireText }

func (w wireTag) tag() Tag { return Tag{string(w.Key), string(w.Value)} }
