"""The types of answers, which views return and the API's document shows. Field names are those of the wire.

They are used as `wire.X`, whatever the module. A type that would share its name with a model ends in `Reply`.
"""

from inbox.models.wire.activity import *
from inbox.models.wire.base import *
from inbox.models.wire.encoding import *
from inbox.models.wire.environments import *
from inbox.models.wire.events import *
from inbox.models.wire.message_parts import *
from inbox.models.wire.messages import *
from inbox.models.wire.notifications import *
from inbox.models.wire.preferences import *
from inbox.models.wire.previews import *
from inbox.models.wire.sessions import *
from inbox.models.wire.subscribers import *
from inbox.models.wire.topics import *
from inbox.models.wire.triggers import *
from inbox.models.wire.webhooks import *
from inbox.models.wire.workflows import *
