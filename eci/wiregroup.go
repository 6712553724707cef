package eci

type wireGroup struct {
	ContainerGroupID, ContainerGroupName, Status    wireText
	RegionID, ZoneID, VSwitchID                     wireText
	SecurityGroupID, ResourceGroupID, RestartPolicy wireText
	InstanceType, IntranetIP, InternetIP            wireText
	CreationTime, SucceededTime, FailedTime         wireTime
	ExpiredTime                                     wireTime
	CPU, Memory, EphemeralStorage, Discount         wireNumber
	Tags                                            wireList[wireTag]
	Containers, InitContainers                      wireList[wireContainer]
	Events                                          wireList[wireEvent]
}

func (w wireGroup) group() ContainerGroup {
	return ContainerGroup{
		ID: string(w.ContainerGroupID), Name: string(w.ContainerGroupName), Status: GroupStatus(w.Status),
		RegionID: string(w.RegionID), ZoneID: string(w.ZoneID), VSwitchID: string(w.VSwitchID),
		SecurityGroupID: string(w.SecurityGroupID), ResourceGroupID: string(w.ResourceGroupID),
		RestartPolicy: string(w.RestartPolicy), InstanceType: string(w.InstanceType),
		IntranetIP: string(w.IntranetIP), InternetIP: string(w.InternetIP),
		CreatedAt: w.CreationTime.Time, SucceededAt: w.SucceededTime.Time,
		FailedAt: w.FailedTime.Time, ExpiredAt: w.ExpiredTime.Time,
		VCPU: w.CPU.float(), MemoryGiB: w.Memory.float(), EphemeralStorageGiB: w.EphemeralStorage.int(),
		Discount: w.Discount.value, Tags: each(w.Tags, wireTag.tag),
		Containers:     each(w.Containers, wireContainer.container),
		InitContainers: each(w.InitContainers, wireContainer.container),
		Events:         each(w.Events, wireEvent.event),
	}
}

type wireContainer struct {
	Name, Image                 wireText
	Ready                       wireBool
	RestartCount, CPU, Memory   wireNumber
	CurrentState, PreviousState wireObject[wireState]
}

func (w wireContainer) container() GroupContainer {
	return GroupContainer{
		Name: string(w.Name), Image: string(w.Image), Ready: w.Ready.bool(), RestartCount: w.RestartCount.int(),
		VCPU: w.CPU.float(), MemoryGiB: w.Memory.float(),
		Current: w.CurrentState.get().state(), Previous: w.PreviousState.get().state(),
	}
}

type wireState struct {
	State, DetailStatus   wireText
	StartTime, FinishTime wireTime
	ExitCode, Signal      wireNumber
	Reason, Message       wireText
}

func (w wireState) state() ContainerState {
	return ContainerState{
		State: string(w.State), DetailStatus: string(w.DetailStatus),
		StartedAt: w.StartTime.Time, FinishedAt: w.FinishTime.Time,
		ExitCode: w.ExitCode.integer(), Signal: w.Signal.integer(),
		Reason: string(w.Reason), Message: string(w.Message),
	}
}

type wireGroupEvents struct {
	ContainerGroupID, Name, Namespace, UUID wireText
	Annotations                             wireAnnotations
	Events                                  wireList[wireEvent]
}

func (w wireGroupEvents) events() GroupEvents {
	return GroupEvents{
		GroupID: string(w.ContainerGroupID), Name: string(w.Name), Namespace: string(w.Namespace), UID: string(w.UUID),
		Annotations: w.Annotations, Events: each(w.Events, wireEvent.event),
	}
}

type wireGroupState struct {
	ContainerGroupID, Name, Namespace, UUID, Status wireText
	Annotations                                     wireAnnotations
	PodStatus                                       wireObject[wirePod]
}

func (w wireGroupState) state() GroupState {
	return GroupState{
		GroupID: string(w.ContainerGroupID), Name: string(w.Name), Namespace: string(w.Namespace), UID: string(w.UUID),
		Status: GroupStatus(w.Status), Annotations: w.Annotations, Pod: w.PodStatus.get().state(),
	}
}

type wirePod struct {
	Phase, PodIP, QosClass wireText
	StartTime              wireTime
	Conditions             wireList[wireCondition]
	ContainerStatuses      wireList[wirePodContainer]
}

func (w wirePod) state() PodState {
	return PodState{
		Phase: string(w.Phase), PodIP: string(w.PodIP), QOSClass: string(w.QosClass), StartedAt: w.StartTime.Time,
		Conditions: each(w.Conditions, wireCondition.condition),
		Containers: each(w.ContainerStatuses, wirePodContainer.container),
	}
}

type wireCondition struct {
	Type, Status, Reason, Message wireText
	LastTransitionTime            wireTime
}

func (w wireCondition) condition() PodCondition {
	return PodCondition{
		Type: string(w.Type), Status: string(w.Status), Reason: string(w.Reason), Message: string(w.Message),
		LastTransitionAt: w.LastTransitionTime.Time,
	}
}

type wirePodContainer struct {
	Name, Image, ImageID wireText
	Ready, Started       wireBool
	RestartCount         wireNumber
	State, LastState     wireObject[wirePodContainerState]
}

func (w wirePodContainer) container() PodContainer {
	return PodContainer{
		Name: string(w.Name), Image: string(w.Image), ImageID: string(w.ImageID), Ready: w.Ready.bool(),
		RestartCount: w.RestartCount.int(), Started: w.Started.value, State: w.State.get().state(), Last: w.LastState.get().state(),
	}
}

// wirePodContainerState has one part that is not empty.
type wirePodContainerState struct {
	Waiting, Running, Terminated wireObject[wireRun]
}

// wireRun knows the odd key of the service's schema beside the one of Kubernetes
// (eci §2.7).
type wireRun struct {
	StartedAt, FinishedAt wireTime
	StartedAtStartedAt    wireTime
	ExitCode, Signal      wireNumber
	Reason, Message       wireText
}

func (w wirePodContainerState) state() ContainerState {
	switch {
	case w.Terminated.value != nil:
		run := w.Terminated.get()
		s := run.state("Terminated")
		s.ExitCode, s.Signal = run.ExitCode.integer(), run.Signal.integer()
		return s
	case w.Running.value != nil:
		return w.Running.value.state("Running")
	case w.Waiting.value != nil:
		return w.Waiting.value.state("Waiting")
	}
	return ContainerState{}
}

func (w *wireRun) state(name string) ContainerState {
	return ContainerState{
		State: name, StartedAt: told(w.StartedAt, w.StartedAtStartedAt), FinishedAt: w.FinishedAt.Time,
		Reason: string(w.Reason), Message: string(w.Message),
	}
}
