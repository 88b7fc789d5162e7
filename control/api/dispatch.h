// SPDX-License-Identifier: Apache-2.0
// From a request to its response: the table of endpoints. Knows nothing of sockets, so tests call
// it directly.
#ifndef CONTROL_API_DISPATCH_H
#define CONTROL_API_DISPATCH_H

#include "control/api/api.h"
#include "control/api/request.h"

/**
 * Answer one request.
 *
 * @started_mono_ms  when the API started, for /v1/status
 * @response         filled always; the caller calls response_done
 * @thread           any; may block, as the handlers do (a verification up to 15 s)
 */
void api_dispatch(const struct api_context *context, int64_t started_mono_ms,
                  const struct request *request, struct response *response);

#endif
