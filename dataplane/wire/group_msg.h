// Every group message of groups.md §3, 4, 6 and of docs/spx.md, both ways. A message is one reassembled message
// of its flow (flow_kind.h) and begins with its type octet; the readers take it whole, type
// included.
//
// Readers yield spans into the message and return 0, or -EBADMSG: then the message counts as
// malformed. Unknown options are skipped everywhere. Writers return 0, or -ENOBUFS with the
// writer as it was before the call; they emit exactly the shapes that librtmfp, which reads by
// position, understands.
#ifndef ANNULUS_WIRE_GROUP_MSG_H
#define ANNULUS_WIRE_GROUP_MSG_H

#include "dataplane/wire/group_member.h"
#include "dataplane/wire/group_report.h"
#include "dataplane/wire/group_stream.h"
#include "dataplane/wire/spx_object.h"
#include "dataplane/wire/spx_post.h"
#include "dataplane/wire/spx_route.h"
#include "dataplane/wire/stream_fragment.h"

#endif
