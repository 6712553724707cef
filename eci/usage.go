package eci

// Usage is what the account uses of its quotas in the region (eci §2.7).
type Usage struct {
	// Attributes are as the service names them: UsedCpu, MaxCpu, MaxImageCacheCount...
	Attributes map[string]float64 `json:"attributes"`
	RequestID  string             `json:"requestId"`
}

// Quota is one limit. Nil is not told by the service.
type Quota struct {
	Used *float64 `json:"used,omitempty"`
	Max  *float64 `json:"max,omitempty"`
}

// Full says whether nothing is left; false where that is not known.
func (q Quota) Full() bool { return q.Used != nil && q.Max != nil && *q.Used >= *q.Max }

// ImageCaches is the quota of caches made by hand.
func (u Usage) ImageCaches() Quota { return u.quota("ImageCacheCount") }

// AutomaticImageCaches is that of the caches that ECI makes by itself.
func (u Usage) AutomaticImageCaches() Quota { return u.quota("AutoImageCacheCount") }

// DataCaches is that of data caches.
func (u Usage) DataCaches() Quota { return u.quota("DataCacheCount") }

// VCPU is that of vCPUs that run at once.
func (u Usage) VCPU() Quota { return u.quota("Cpu") }

func (u Usage) quota(name string) Quota {
	return Quota{Used: u.attribute("Used" + name), Max: u.attribute("Max" + name)}
}

func (u Usage) attribute(name string) *float64 {
	value, known := u.Attributes[name]
	if !known {
		return nil
	}
	return &value
}

// Region is one region of ECI.
type Region struct {
	ID string `json:"id"`
	// Endpoint is the region's host.
	Endpoint string   `json:"endpoint"`
	Zones    []string `json:"zones,omitempty"`
}
