//! Information elements: what the numbers in a template mean.
//!
//! Names and types as in IANA's registry *IP Flow Information Export (IPFIX) Entities*; NetFlow 9 (RFC 3954) uses the same
//! numbers up to 127. Elements that are not here keep their number as a name.

/// How the bytes of a field are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whole number of any length up to eight bytes.
    Number,
    /// Whole number with a sign.
    Signed,
    /// IEEE 754, four or eight bytes.
    Float,
    /// IPv4 or IPv6 address, by length.
    Address,
    /// Hardware address.
    Mac,
    /// UTF-8.
    Text,
    /// 1 is true, 2 is false.
    Flag,
    /// Seconds since the epoch.
    Seconds,
    /// Milliseconds since the epoch.
    Millis,
    /// NTP timestamp: seconds since 1900, and a fraction.
    Ntp,
    /// Milliseconds since the exporter was started.
    Uptime,
    /// Anything else, in hexadecimal.
    Octets,
}

use Kind::{Address, Flag, Float, Mac, Millis, Ntp, Number, Octets, Seconds, Signed, Text, Uptime};

/// Name and kind of an element of IANA's registry.
pub(super) fn element(id: u16) -> Option<(&'static str, Kind)> {
    ELEMENTS
        .binary_search_by_key(&id, |(id, _, _)| *id)
        .ok()
        .map(|at| (ELEMENTS[at].1, ELEMENTS[at].2))
}

/// In order of their numbers.
#[rustfmt::skip]
const ELEMENTS: &[(u16, &str, Kind)] = &[
    (1, "octetDeltaCount", Number), (2, "packetDeltaCount", Number), (3, "deltaFlowCount", Number),
    (4, "protocolIdentifier", Number), (5, "ipClassOfService", Number), (6, "tcpControlBits", Number),
    (7, "sourceTransportPort", Number), (8, "sourceIPv4Address", Address), (9, "sourceIPv4PrefixLength", Number),
    (10, "ingressInterface", Number), (11, "destinationTransportPort", Number), (12, "destinationIPv4Address", Address),
    (13, "destinationIPv4PrefixLength", Number), (14, "egressInterface", Number), (15, "ipNextHopIPv4Address", Address),
    (16, "bgpSourceAsNumber", Number), (17, "bgpDestinationAsNumber", Number), (18, "bgpNextHopIPv4Address", Address),
    (19, "postMCastPacketDeltaCount", Number), (20, "postMCastOctetDeltaCount", Number), (21, "flowEndSysUpTime", Uptime),
    (22, "flowStartSysUpTime", Uptime), (23, "postOctetDeltaCount", Number), (24, "postPacketDeltaCount", Number),
    (25, "minimumIpTotalLength", Number), (26, "maximumIpTotalLength", Number), (27, "sourceIPv6Address", Address),
    (28, "destinationIPv6Address", Address), (29, "sourceIPv6PrefixLength", Number), (30, "destinationIPv6PrefixLength", Number),
    (31, "flowLabelIPv6", Number), (32, "icmpTypeCodeIPv4", Number), (33, "igmpType", Number),
    (34, "samplingInterval", Number), (35, "samplingAlgorithm", Number), (36, "flowActiveTimeout", Number),
    (37, "flowIdleTimeout", Number), (38, "engineType", Number), (39, "engineId", Number),
    (40, "exportedOctetTotalCount", Number), (41, "exportedMessageTotalCount", Number), (42, "exportedFlowRecordTotalCount", Number),
    (44, "sourceIPv4Prefix", Address), (45, "destinationIPv4Prefix", Address), (46, "mplsTopLabelType", Number),
    (47, "mplsTopLabelIPv4Address", Address), (48, "samplerId", Number), (49, "samplerMode", Number),
    (50, "samplerRandomInterval", Number), (52, "minimumTTL", Number), (53, "maximumTTL", Number),
    (54, "fragmentIdentification", Number), (55, "postIpClassOfService", Number), (56, "sourceMacAddress", Mac),
    (57, "postDestinationMacAddress", Mac), (58, "vlanId", Number), (59, "postVlanId", Number),
    (60, "ipVersion", Number), (61, "flowDirection", Number), (62, "ipNextHopIPv6Address", Address),
    (63, "bgpNextHopIPv6Address", Address), (64, "ipv6ExtensionHeaders", Number), (70, "mplsTopLabelStackSection", Octets),
    (71, "mplsLabelStackSection2", Octets), (72, "mplsLabelStackSection3", Octets), (73, "mplsLabelStackSection4", Octets),
    (74, "mplsLabelStackSection5", Octets), (75, "mplsLabelStackSection6", Octets), (76, "mplsLabelStackSection7", Octets),
    (77, "mplsLabelStackSection8", Octets), (78, "mplsLabelStackSection9", Octets), (79, "mplsLabelStackSection10", Octets),
    (80, "destinationMacAddress", Mac), (81, "postSourceMacAddress", Mac), (82, "interfaceName", Text),
    (83, "interfaceDescription", Text), (84, "samplerName", Text), (85, "octetTotalCount", Number),
    (86, "packetTotalCount", Number), (88, "fragmentOffset", Number), (89, "forwardingStatus", Number),
    (90, "mplsVpnRouteDistinguisher", Octets), (91, "mplsTopLabelPrefixLength", Number), (94, "applicationDescription", Text),
    (95, "applicationId", Octets), (96, "applicationName", Text), (98, "postIpDiffServCodePoint", Number),
    (99, "multicastReplicationFactor", Number), (128, "bgpNextAdjacentAsNumber", Number), (129, "bgpPrevAdjacentAsNumber", Number),
    (130, "exporterIPv4Address", Address), (131, "exporterIPv6Address", Address), (132, "droppedOctetDeltaCount", Number),
    (133, "droppedPacketDeltaCount", Number), (134, "droppedOctetTotalCount", Number), (135, "droppedPacketTotalCount", Number),
    (136, "flowEndReason", Number), (137, "commonPropertiesId", Number), (138, "observationPointId", Number),
    (139, "icmpTypeCodeIPv6", Number), (140, "mplsTopLabelIPv6Address", Address), (141, "lineCardId", Number),
    (142, "portId", Number), (143, "meteringProcessId", Number), (144, "exportingProcessId", Number),
    (145, "templateId", Number), (146, "wlanChannelId", Number), (147, "wlanSSID", Text),
    (148, "flowId", Number), (149, "observationDomainId", Number), (150, "flowStartSeconds", Seconds),
    (151, "flowEndSeconds", Seconds), (152, "flowStartMilliseconds", Millis), (153, "flowEndMilliseconds", Millis),
    (154, "flowStartMicroseconds", Ntp), (155, "flowEndMicroseconds", Ntp), (156, "flowStartNanoseconds", Ntp),
    (157, "flowEndNanoseconds", Ntp), (158, "flowStartDeltaMicroseconds", Number), (159, "flowEndDeltaMicroseconds", Number),
    (160, "systemInitTimeMilliseconds", Millis), (161, "flowDurationMilliseconds", Number), (162, "flowDurationMicroseconds", Number),
    (163, "observedFlowTotalCount", Number), (164, "ignoredPacketTotalCount", Number), (165, "ignoredOctetTotalCount", Number),
    (166, "notSentFlowTotalCount", Number), (167, "notSentPacketTotalCount", Number), (168, "notSentOctetTotalCount", Number),
    (169, "destinationIPv6Prefix", Address), (170, "sourceIPv6Prefix", Address), (171, "postOctetTotalCount", Number),
    (172, "postPacketTotalCount", Number), (173, "flowKeyIndicator", Number), (174, "postMCastPacketTotalCount", Number),
    (175, "postMCastOctetTotalCount", Number), (176, "icmpTypeIPv4", Number), (177, "icmpCodeIPv4", Number),
    (178, "icmpTypeIPv6", Number), (179, "icmpCodeIPv6", Number), (180, "udpSourcePort", Number),
    (181, "udpDestinationPort", Number), (182, "tcpSourcePort", Number), (183, "tcpDestinationPort", Number),
    (184, "tcpSequenceNumber", Number), (185, "tcpAcknowledgementNumber", Number), (186, "tcpWindowSize", Number),
    (187, "tcpUrgentPointer", Number), (188, "tcpHeaderLength", Number), (189, "ipHeaderLength", Number),
    (190, "totalLengthIPv4", Number), (191, "payloadLengthIPv6", Number), (192, "ipTTL", Number),
    (193, "nextHeaderIPv6", Number), (194, "mplsPayloadLength", Number), (195, "ipDiffServCodePoint", Number),
    (196, "ipPrecedence", Number), (197, "fragmentFlags", Number), (198, "octetDeltaSumOfSquares", Number),
    (199, "octetTotalSumOfSquares", Number), (200, "mplsTopLabelTTL", Number), (201, "mplsLabelStackLength", Number),
    (202, "mplsLabelStackDepth", Number), (203, "mplsTopLabelExp", Number), (204, "ipPayloadLength", Number),
    (205, "udpMessageLength", Number), (206, "isMulticast", Number), (207, "ipv4IHL", Number),
    (208, "ipv4Options", Number), (209, "tcpOptions", Number), (210, "paddingOctets", Octets),
    (211, "collectorIPv4Address", Address), (212, "collectorIPv6Address", Address), (213, "exportInterface", Number),
    (214, "exportProtocolVersion", Number), (215, "exportTransportProtocol", Number), (216, "collectorTransportPort", Number),
    (217, "exporterTransportPort", Number), (218, "tcpSynTotalCount", Number), (219, "tcpFinTotalCount", Number),
    (220, "tcpRstTotalCount", Number), (221, "tcpPshTotalCount", Number), (222, "tcpAckTotalCount", Number),
    (223, "tcpUrgTotalCount", Number), (224, "ipTotalLength", Number), (225, "postNATSourceIPv4Address", Address),
    (226, "postNATDestinationIPv4Address", Address), (227, "postNAPTSourceTransportPort", Number), (228, "postNAPTDestinationTransportPort", Number),
    (229, "natOriginatingAddressRealm", Number), (230, "natEvent", Number), (231, "initiatorOctets", Number),
    (232, "responderOctets", Number), (233, "firewallEvent", Number), (234, "ingressVRFID", Number),
    (235, "egressVRFID", Number), (236, "VRFname", Text), (237, "postMplsTopLabelExp", Number),
    (238, "tcpWindowScale", Number), (239, "biflowDirection", Number), (240, "ethernetHeaderLength", Number),
    (241, "ethernetPayloadLength", Number), (242, "ethernetTotalLength", Number), (243, "dot1qVlanId", Number),
    (244, "dot1qPriority", Number), (245, "dot1qCustomerVlanId", Number), (246, "dot1qCustomerPriority", Number),
    (247, "metroEvcId", Text), (248, "metroEvcType", Number), (249, "pseudoWireId", Number),
    (250, "pseudoWireType", Number), (251, "pseudoWireControlWord", Number), (252, "ingressPhysicalInterface", Number),
    (253, "egressPhysicalInterface", Number), (254, "postDot1qVlanId", Number), (255, "postDot1qCustomerVlanId", Number),
    (256, "ethernetType", Number), (257, "postIpPrecedence", Number), (258, "collectionTimeMilliseconds", Millis),
    (259, "exportSctpStreamId", Number), (260, "maxExportSeconds", Seconds), (261, "maxFlowEndSeconds", Seconds),
    (262, "messageMD5Checksum", Octets), (263, "messageScope", Number), (264, "minExportSeconds", Seconds),
    (265, "minFlowStartSeconds", Seconds), (266, "opaqueOctets", Octets), (267, "sessionScope", Number),
    (268, "maxFlowEndMicroseconds", Ntp), (269, "maxFlowEndMilliseconds", Millis), (270, "maxFlowEndNanoseconds", Ntp),
    (271, "minFlowStartMicroseconds", Ntp), (272, "minFlowStartMilliseconds", Millis), (273, "minFlowStartNanoseconds", Ntp),
    (274, "collectorCertificate", Octets), (275, "exporterCertificate", Octets), (276, "dataRecordsReliability", Flag),
    (277, "observationPointType", Number), (278, "newConnectionDeltaCount", Number), (279, "connectionSumDurationSeconds", Number),
    (280, "connectionTransactionId", Number), (281, "postNATSourceIPv6Address", Address), (282, "postNATDestinationIPv6Address", Address),
    (283, "natPoolId", Number), (284, "natPoolName", Text), (285, "anonymizationFlags", Number),
    (286, "anonymizationTechnique", Number), (287, "informationElementIndex", Number), (288, "p2pTechnology", Text),
    (289, "tunnelTechnology", Text), (290, "encryptedTechnology", Text), (294, "bgpValidityState", Number),
    (295, "IPSecSPI", Number), (296, "greKey", Number), (297, "natType", Number),
    (298, "initiatorPackets", Number), (299, "responderPackets", Number), (300, "observationDomainName", Text),
    (301, "selectionSequenceId", Number), (302, "selectorId", Number), (303, "informationElementId", Number),
    (304, "selectorAlgorithm", Number), (305, "samplingPacketInterval", Number), (306, "samplingPacketSpace", Number),
    (307, "samplingTimeInterval", Number), (308, "samplingTimeSpace", Number), (309, "samplingSize", Number),
    (310, "samplingPopulation", Number), (311, "samplingProbability", Float), (312, "dataLinkFrameSize", Number),
    (313, "ipHeaderPacketSection", Octets), (314, "ipPayloadPacketSection", Octets), (315, "dataLinkFrameSection", Octets),
    (318, "selectorIdTotalPktsObserved", Number), (319, "selectorIdTotalPktsSelected", Number), (320, "absoluteError", Float),
    (321, "relativeError", Float), (322, "observationTimeSeconds", Seconds), (323, "observationTimeMilliseconds", Millis),
    (324, "observationTimeMicroseconds", Ntp), (325, "observationTimeNanoseconds", Ntp), (326, "digestHashValue", Number),
    (333, "samplingFlowInterval", Number), (334, "samplingFlowSpacing", Number), (335, "informationElementDataType", Number),
    (339, "informationElementDataTypeV9", Number), (341, "informationElementName", Text), (344, "informationElementSemantics", Number),
    (345, "informationElementUnits", Number), (346, "privateEnterpriseNumber", Number), (347, "virtualStationInterfaceId", Octets),
    (348, "virtualStationInterfaceName", Text), (349, "virtualStationUUID", Octets), (350, "virtualStationName", Text),
    (351, "layer2SegmentId", Number), (352, "layer2OctetDeltaCount", Number), (353, "layer2OctetTotalCount", Number),
    (354, "ingressUnicastPacketTotalCount", Number), (355, "ingressMulticastPacketTotalCount", Number), (356, "ingressBroadcastPacketTotalCount", Number),
    (357, "egressUnicastPacketTotalCount", Number), (358, "egressBroadcastPacketTotalCount", Number), (359, "monitoringIntervalStartMilliSeconds", Millis),
    (360, "monitoringIntervalEndMilliSeconds", Millis), (361, "portRangeStart", Number), (362, "portRangeEnd", Number),
    (363, "portRangeStepSize", Number), (364, "portRangeNumPorts", Number), (365, "staMacAddress", Mac),
    (366, "staIPv4Address", Address), (367, "wtpMacAddress", Mac), (368, "ingressInterfaceType", Number),
    (369, "egressInterfaceType", Number), (370, "rtpSequenceNumber", Number), (371, "userName", Text),
    (372, "applicationCategoryName", Text), (373, "applicationSubCategoryName", Text), (374, "applicationGroupName", Text),
    (375, "originalFlowsPresent", Number), (376, "originalFlowsInitiated", Number), (377, "originalFlowsCompleted", Number),
    (378, "distinctCountOfSourceIPAddress", Number), (379, "distinctCountOfDestinationIPAddress", Number), (386, "valueDistributionMethod", Number),
    (387, "rfc3550JitterMilliseconds", Number), (389, "rfc3550JitterMicroseconds", Number), (390, "dot1qDEI", Flag),
    (392, "flowSelectorAlgorithm", Number), (405, "mibIndexIndicator", Number), (414, "dot1qServiceInstanceTag", Octets),
    (415, "dot1qServiceInstanceId", Number), (430, "layer2FrameDeltaCount", Number), (431, "layer2FrameTotalCount", Number),
    (432, "pseudoWireDestinationIPv4Address", Address), (433, "ignoredLayer2FrameTotalCount", Number), (434, "mibObjectValueInteger", Signed),
    (444, "mibObjectName", Text), (445, "mibObjectDescription", Text), (455, "mobileIMSI", Text),
    (456, "mobileMSISDN", Text), (457, "httpStatusCode", Number), (458, "sourceTransportPortsLimit", Number),
    (459, "httpRequestMethod", Text), (460, "httpRequestHost", Text), (461, "httpRequestTarget", Text),
    (462, "httpMessageVersion", Text), (463, "natInstanceID", Number), (464, "internalAddressRealm", Octets),
    (465, "externalAddressRealm", Octets), (466, "natQuotaExceededEvent", Number), (467, "natThresholdEvent", Number),
    (468, "httpUserAgent", Text), (469, "httpContentType", Text), (470, "httpReasonPhrase", Text),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_in_order_and_found() {
        assert!(ELEMENTS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(element(8), Some(("sourceIPv4Address", Address)));
        assert_eq!(element(470), Some(("httpReasonPhrase", Text)));
        assert_eq!(element(43), None);
    }
}
