"""The stages of one image: the model that is asked, then the second one if the request names one."""

from gateway.api.services import Services
from gateway.detection.request import Answer, Ask
from gateway.second_stage.stage import Second, Take
from gateway.second_stage.wish import Wish


async def detect(services: Services, ask: Ask, wish: Wish | None, take: Take) -> tuple[Answer, Second | None]:
    """Return the answer, and what the second model saw in the detections if there is a wish.

    ``take`` reserves memory for the crops. Raises what the first model does; an image that takes too much memory to be
    cut is refused before that.
    """
    if wish is None:
        return await services.detector.detect(ask), None
    services.second_stage.check(ask.header)
    answer = await services.detector.detect(ask)
    return answer, await services.second_stage.look(ask, answer.prediction, wish, take)
