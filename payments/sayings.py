"""What programs note about payments for people to read: on cases, notices, refunds and bills."""

from kit.telling import sentence, source
from payments.states import CaseKind, RefundStatus

# --- a bill against our books
NOT_OURS = sentence("not in our books")
OTHER_DAYS_NOT_OURS = sentence("of %(at)s, not in our books")
OTHER_DAYS = sentence("of %(at)s")
IN_BILL_OF = sentence("stands in the bill of %(day)s, too")
TWICE = sentence("stands in the bill more than once")
OUR_AMOUNT = sentence("our books say %(amount)s")
REFUND_NOT_OURS = sentence("refunded, not in our books")
REFUND_IS = sentence("refunded, our books say %(status)s")
REFUND_FAILED_THERE = sentence("the refund failed, ours is done")
PAID_IN_NO_BILL = sentence("paid %(at)s, in no bill")
REFUNDED_IN_NO_BILL = sentence("refunded %(at)s, in no bill")
GIVEN_BY_REFUND = sentence("given back by refund %(number)s")
BOOKED_AS = sentence("booked as %(number)s")

# --- a bill as a file
LINE = sentence("line %(line)s")
CUT_OFF = sentence("no line of totals: the file may be cut off")
COUNTS = sentence("%(said)s, the file has %(count)s")
SUMS = sentence("%(said)s, its rows %(amount)s")
NOT_WRITTEN = sentence("not written yet")
NO_COLUMN = sentence("has no column %(name)s")
NO_HEAD = sentence("has no line of column names")
NO_AMOUNT = sentence("%(value)s is no amount")
NO_FEN = sentence("%(value)s is no amount in fen")
NO_TIME = sentence("%(value)s is no time")
NO_TRADE = sentence("no trade number")
BELOW_ZERO = sentence("a payment below zero")
FEW_COLUMNS = sentence("%(found)s of %(wanted)s columns")
MANY_COLUMNS = sentence("%(found)s columns instead of %(wanted)s")
IN_DOUBT = sentence("a separator in a name leaves its columns in doubt")
SHORT_LINE = sentence("a line of %(bytes)s bytes is too short")
MANY_ODD = sentence("more than %(rows)s rows cannot be read")
NO_FILE = sentence("the archive holds no file of transactions")
MANY_FILES = sentence("the archive holds more than %(files)s files")
STRANGE_PACKING = sentence("%(name)s is packed in a way no bill is")
NOT_UNPACKED = sentence("the bill cannot be unpacked")
TOO_LARGE = sentence("unpacked it is larger than any bill")
CUT_BILL = sentence("the bill is empty, cut off or far too long")
OFFERED_ELSEWHERE = sentence("the bill is offered somewhere else")
OTHER_DIGEST = sentence("the bill has another digest")
NEVER_COMPARED = sentence("nothing was compared from %(first)s to %(last)s")

# --- a payment against our books
CHANNEL_SAYS = sentence("the channel says %(amount)s for order %(order)s")
OTHER_ORDERS = sentence("another order was paid by it")
STANDS = sentence("%(amount)s stand in suspense")
HAS_LEFT = sentence("%(amount)s were booked, and some has left suspense")
SAYS_ELSE = sentence("asked, the channel says something else")
GIVEN_BACK = sentence("paid, never confirmed here, and given back whole or in part")

# --- a notice
FAILED_HERE = sentence("we failed at it: the log says why")

# --- the channels' own words
sentence("closed")
sentence("WAIT_BUYER_PAY")
sentence("TRADE_CLOSED")
sentence("TRADE_SUCCESS")
sentence("TRADE_FINISHED")
sentence("ACQ.TRADE_NOT_EXIST")
sentence("REFUND_SUCCESS")
sentence("SUCCESS")
sentence("REFUND")
sentence("NOTPAY")
sentence("CLOSED")
sentence("REVOKED")
sentence("USERPAYING")
sentence("PAYERROR")
sentence("PROCESSING")
sentence("ABNORMAL")
sentence("TRANSACTION.SUCCESS")
sentence("REFUND.SUCCESS")
sentence("REFUND.ABNORMAL")
sentence("REFUND.CLOSED")

for _word in (*RefundStatus, *CaseKind):  # translated where they stand
    sentence(source(_word.label))
