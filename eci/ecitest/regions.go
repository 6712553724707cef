package ecitest

import (
	"net/http"
	"slices"
)

// object is a JSON object of an answer.
type object = map[string]any

// Region is a region that the server has.
type Region struct {
	ID    string   `json:"id" document:"required"`
	Zones []string `json:"zones" document:"required"`
}

// DefaultRegions are three of eci §2.8, with zones of the form that the service
// uses.
func DefaultRegions() []Region {
	return []Region{
		{"cn-hangzhou", []string{"cn-hangzhou-b", "cn-hangzhou-i", "cn-hangzhou-k"}},
		{"cn-beijing", []string{"cn-beijing-a", "cn-beijing-h"}},
		{"ap-southeast-1", []string{"ap-southeast-1a", "ap-southeast-1b"}},
	}
}

// checkRegion refuses a call of no region, or of one that does not exist.
func (s *Server) checkRegion(c *call) *refusal {
	switch {
	case c.region == "" && c.action == "DescribeRegions":
		return nil // as the aliyun command line calls it
	case c.region == "":
		return missing("RegionId")
	case !slices.ContainsFunc(s.opt.Regions, func(r Region) bool { return r.ID == c.region }):
		return refuse(http.StatusNotFound, codeNoRegion, "The specified RegionId does not exist.")
	}
	return nil
}

// describeRegions is DescribeRegions: all regions, whichever was asked.
func (s *Server) describeRegions(c *call) (any, *refusal) {
	if refused := s.checked(c); refused != nil {
		return nil, refused
	}
	regions := make([]object, len(s.opt.Regions))
	for i, r := range s.opt.Regions {
		regions[i] = object{
			"RegionId": r.ID, "RegionEndpoint": "eci." + r.ID + ".aliyuncs.com", "Zones": r.Zones, "RecommendZones": r.Zones[:min(1, len(r.Zones))],
		}
	}
	return object{"Regions": regions}, nil
}
